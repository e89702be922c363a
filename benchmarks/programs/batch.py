"""boto3 with BatchGetSecretValue; every value text."""

import os

from programs import proof
from programs.batch_fetch import fetched
from programs.catalogue import PLAIN, SECRETS

values = {name: os.environ[name] for name in PLAIN} | fetched()

proof.show(len(values), [values[name] for name in SECRETS])
