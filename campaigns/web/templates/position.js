(() => {
  const button = document.getElementById("locate"), told = document.getElementById("located");
  if (!button || !navigator.geolocation || !isSecureContext) return;
  const form = button.form;
  button.hidden = false;
  button.addEventListener("click", () => {
    told.textContent = button.dataset.asking;
    navigator.geolocation.getCurrentPosition(({ coords }) => {
      form.elements.latitude.value = coords.latitude.toFixed(5);
      form.elements.longitude.value = coords.longitude.toFixed(5);
      told.textContent = `${button.dataset.located} ±${Math.round(coords.accuracy)} m`;
      if (button.dataset.sends) form.requestSubmit(document.getElementById("send"));
    }, () => { told.textContent = button.dataset.refused; }, { enableHighAccuracy: true, timeout: 20000, maximumAge: 60000 });
  });
})();
