"""Asks for health with gRPC's own client: the status of each service named, and the first of a watch, as JSON."""

import argparse
import json

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

STATUS = health_pb2.HealthCheckResponse.ServingStatus


def checked(stub, service, metadata):
    try:
        return STATUS.Name(stub.Check(health_pb2.HealthCheckRequest(service=service), metadata=metadata, timeout=10).status)
    except grpc.RpcError as error:
        return error.code().name


def watched(stub, metadata):
    try:
        call = stub.Watch(health_pb2.HealthCheckRequest(), metadata=metadata, timeout=10)
        status = STATUS.Name(next(call).status)
        call.cancel()
        return status
    except grpc.RpcError as error:
        return error.code().name


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--token")
    parser.add_argument("services", nargs="*")
    arguments = parser.parse_args()

    metadata = [("authorization", f"Bearer {arguments.token}")] if arguments.token else []
    with grpc.insecure_channel(arguments.endpoint) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        checks = {service: checked(stub, service, metadata) for service in arguments.services}
        print(json.dumps({"checks": checks, "watch": watched(stub, metadata)}))


if __name__ == "__main__":
    main()
