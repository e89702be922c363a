"""glisecrets, with all 40 values in the environment and no secret named."""

from programs import proof
from programs.catalogue import SECRETS
from programs.declared_glisecrets_plain import ServiceSettings

proof.show_typed(ServiceSettings(), SECRETS)
