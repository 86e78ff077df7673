"""Sign-in by an OpenID provider beside passwords: the authorization code flow with PKCE, state and nonce, by Authlib.

The provider answers for the password and, unless `OIDC_SECOND_FACTOR` is `own`, for the second factor. It has to have asked for
them lately, as for a password typed here: `max_age` is sent, and `auth_time` compared. Only loaded where a provider is set: Authlib takes
4 MiB of each process.
"""

import logging
from datetime import UTC, datetime
from functools import cached_property
from threading import BoundedSemaphore
from typing import Any
from urllib.parse import urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import FlaskIntegration
from authlib.integrations.flask_client.apps import FlaskOAuth2App
from flask import redirect, request, session
from joserfc.errors import JoseError
from requests import RequestException

from outreach.accounts.users import CONFIRMED_FOR, Identity
from outreach.core.settings import Settings
from outreach.rules.errors import LoaError, NotAllowed, WrongState

log = logging.getLogger(__name__)
_TIMEOUT_S = 10
_LEEWAY_S = 60
# Never `none`, nor one whose key would be the client's secret.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_SCOPE = "openid email profile"
_STATE = "_state_oidc_"  # Authlib's, in the session
# Half of the web's threads: while the provider does not answer, the other half is for the pages.
_AT_ONCE = BoundedSemaphore(8)


class Provider:
    """The provider of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.host = urlsplit(settings.oidc_issuer).hostname or ""
        base = settings.public_base_url.rstrip("/")
        self._return_to, self._ended_at = f"{base}/login/provider/return", f"{base}/login"

    @cached_property
    def _client(self) -> FlaskOAuth2App:
        issuer = self._settings.oidc_issuer
        return FlaskOAuth2App(
            FlaskIntegration("oidc"),
            name="oidc",
            client_id=self._settings.oidc_client_id,
            client_secret=self._settings.oidc_client_secret,
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
            client_kwargs={"scope": _SCOPE, "code_challenge_method": "S256", "default_timeout": _TIMEOUT_S},
        )

    def begin(self) -> Any:
        """Return the redirect to the provider. Raises LoaError."""
        for key in [key for key in session if key.startswith(_STATE)]:
            session.pop(key)  # begun before and not ended
        # Some give a person's groups only to who asks for them by a scope of that name.
        role_claim = self._settings.oidc_role_claim
        asks_for_groups = role_claim in (self._load().get("scopes_supported") or ())
        return self._reach(
            lambda: self._client.authorize_redirect(
                self._return_to,
                scope=f"{_SCOPE} {role_claim}" if asks_for_groups else _SCOPE,
                max_age=int(CONFIRMED_FOR.total_seconds()),
            )
        )

    def finish(self) -> Identity:
        """Return who the provider says has signed in, from the request that it sent the browser with. Raises LoaError."""
        metadata = self._load()
        if request.args.get("iss", metadata["issuer"]) != metadata["issuer"]:
            raise NotAllowed("oidc_refused")
        claims = self._reach(self._read_claims)
        fresh_until = float(claims.get("auth_time") or 0) + CONFIRMED_FOR.total_seconds() + _LEEWAY_S
        if fresh_until < datetime.now(UTC).timestamp():
            raise NotAllowed("oidc_too_long_ago")
        groups = claims.get(self._settings.oidc_role_claim) or []
        return Identity(
            issuer=metadata["issuer"],
            subject=str(claims["sub"])[:255],
            email=str(claims.get("email") or ""),
            is_email_verified=claims.get("email_verified") is True and bool(claims.get("email")),
            name=str(claims.get("name") or "")[:120],
            groups=frozenset(map(str, groups if isinstance(groups, list) else [groups])),
        )

    def end(self) -> Any:
        """Return the redirect that ends the session at the provider, if it knows such. Raises LoaError."""
        if not self._load().get("end_session_endpoint"):
            return redirect(self._ended_at)
        address = self._client.create_logout_url(self._ended_at, client_id=self._settings.oidc_client_id)
        return redirect(address["url"])

    def _load(self) -> dict[str, Any]:
        """Return what the provider says of itself, read once. Raises LoaError."""
        metadata: dict[str, Any] = self._reach(self._client.load_server_metadata)
        if str(metadata.get("issuer")).rstrip("/") != self._settings.oidc_issuer:
            raise WrongState("oidc_away")
        offered = metadata.get("id_token_signing_alg_values_supported") or _ALGORITHMS
        metadata["id_token_signing_alg_values_supported"] = [each for each in offered if each in _ALGORITHMS]
        return metadata

    def _read_claims(self) -> dict[str, Any]:
        token = self._client.authorize_access_token()
        claims = token.get(
            "userinfo"
        )  # of the ID token, whose signature, issuer, audience, nonce and time were checked
        if not claims:
            raise NotAllowed("oidc_refused")
        wanted = ["email", *([self._settings.oidc_role_claim] if self._settings.oidc_roles else [])]
        is_short = any(claims.get(name) is None for name in wanted)
        if is_short and self._client.server_metadata.get("userinfo_endpoint"):
            more = self._client.userinfo(token=token)
            if more.get("sub") != claims["sub"]:
                raise NotAllowed("oidc_refused")
            if claims.get("email") not in (None, more.get("email")):
                more.pop("email_verified", None)  # that is of the other address
            claims = {**more, **claims}
        return dict(claims)

    def _reach(self, ask: Any) -> Any:
        if not _AT_ONCE.acquire(blocking=False):
            raise WrongState("oidc_away")
        try:
            return ask()
        except LoaError:
            raise
        except RequestException as error:
            log.warning("login.provider_away error=%s", type(error).__name__)
            raise WrongState("oidc_away") from error
        except (AuthlibBaseError, JoseError, ValueError, KeyError, TypeError, RuntimeError) as error:
            log.warning("login.provider_refused error=%s", type(error).__name__)
            raise NotAllowed("oidc_refused") from error
        finally:
            _AT_ONCE.release()
