"""glisecrets, with 25 values in the store."""

from programs import proof
from programs.catalogue import SECRETS
from programs.declared_glisecrets import ServiceSettings

proof.show_typed(ServiceSettings(), SECRETS)
