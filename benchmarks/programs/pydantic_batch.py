"""pydantic-settings, given what boto3's BatchGetSecretValue fetched."""

from programs import proof
from programs.batch_fetch import fetched
from programs.catalogue import SECRETS
from programs.declared_pydantic_settings import ServiceSettings

settings = ServiceSettings(**fetched())

proof.show_typed(settings, SECRETS)
