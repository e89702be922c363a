"""boto3 as tutorials show it: one call per secret, every value text."""

import os

import boto3

from programs import proof
from programs.catalogue import PLAIN, SECRETS

client = boto3.client("secretsmanager")
values = {name: os.environ[name] for name in PLAIN}
for name, secret_id in SECRETS.items():
    values[name] = client.get_secret_value(SecretId=secret_id)["SecretString"]

proof.show(len(values), [values[name] for name in SECRETS])
