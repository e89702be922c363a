"""pydantic-settings, with all 40 values in the environment and none of them typed as secret."""

from programs import proof
from programs.catalogue import SECRETS
from programs.declared_pydantic_settings_open import ServiceSettings

proof.show_typed(ServiceSettings(), SECRETS)
