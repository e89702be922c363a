"""For tests of programs that use secrets: Secrets Manager itself, on this machine.

::

    with SecretsManagerServer() as server:
        server.store.create("gli/db/staging", '{"username": "gli"}')
        monkeypatch.setenv(...)  # server.environ: any boto3 program then talks to it
        server.faults.throttle(seconds=5)
        ...
        assert [call.operation for call in server.calls] == ["BatchGetSecretValue"]
"""

from .faults import Faults
from .lambda_runtime import LambdaFailed, LambdaRuntime
from .secrets_manager import Call, SecretsManagerServer

__all__ = ["Call", "Faults", "LambdaFailed", "LambdaRuntime", "SecretsManagerServer"]
