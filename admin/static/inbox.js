// Keyboard use of the inbox: a digit presses the button labelled with it, in the focused case.
(() => {
  "use strict";

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || !/^[0-9]$/.test(event.key)) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea")) return;
    const here = event.target.closest(".case, .undo");
    if (!here) return;
    const button =
      event.key === "0" ? document.querySelector("[data-key='0']") : here.querySelector(`[aria-keyshortcuts='${event.key}']`);
    if (!button) return;
    event.preventDefault();
    button.click();
  });

  // Also if only the anchor of the URL changed.
  const place = location.hash && document.getElementById(location.hash.slice(1));
  if (place) place.focus({ preventScroll: true });
})();
