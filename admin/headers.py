"""Security headers of the office's pages: a Content-Security-Policy with a nonce, nothing inline, nothing from outside."""

from __future__ import annotations

import secrets

from flask import Flask, Response, g, request

_POLICY = (
    "default-src 'self'; script-src 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


def csp_nonce() -> str:
    """This request's nonce; every script and style element carries it."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def install_headers(app: Flask, *, is_https: bool) -> None:
    """Set on every response. What comes with a policy of its own has its other headers too: residents' pages."""
    app.config.update(
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=is_https,
        REMEMBER_COOKIE_HTTPONLY=True,
        REMEMBER_COOKIE_SECURE=is_https,
    )
    app.jinja_env.globals["csp_nonce"] = csp_nonce

    @app.after_request
    def add(response: Response) -> Response:
        headers = response.headers
        if is_https:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if "Content-Security-Policy" in headers:
            return response
        # Flask's own redirect to the address with a slash names the host that the caller claims to have asked.
        if headers.get("Location", "").startswith(request.host_url):
            headers["Location"] = headers["Location"].removeprefix(request.host_url.rstrip("/"))
            response.set_data("")
        headers["Content-Security-Policy"] = _POLICY.format(nonce=csp_nonce())
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        if not headers.get("Cache-Control"):
            headers["Cache-Control"] = "no-store"
        return response
