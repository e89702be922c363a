"""pydantic-settings, with all 40 values in the environment."""

from programs import proof
from programs.catalogue import SECRETS
from programs.declared_pydantic_settings import ServiceSettings

proof.show_typed(ServiceSettings(), SECRETS)
