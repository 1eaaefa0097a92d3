"""An agent on the SDK of A2A, whose card is of the version that it is started with; prints its port.

It repeats what it is told, ``message`` in a message and all else in a task; ``long`` ends only when it is cancelled.
"""

from __future__ import annotations

import asyncio
import socket
import sys

import uvicorn
from a2a.helpers.proto_helpers import new_task_from_user_message
from a2a.helpers.proto_helpers import new_text_message
from a2a.server.agent_execution import AgentExecutor
from a2a.server.agent_execution import RequestContext
from a2a.server.events.event_queue import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes
from a2a.server.routes import create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore
from a2a.server.tasks import TaskUpdater
from a2a.types.a2a_pb2 import AgentCapabilities
from a2a.types.a2a_pb2 import AgentCard
from a2a.types.a2a_pb2 import AgentInterface
from a2a.types.a2a_pb2 import AgentSkill
from a2a.types.a2a_pb2 import Part
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

cancelled: list[str] = []


class Echo(AgentExecutor):
    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        told = context.get_user_input()
        if told == "message":
            await event_queue.enqueue_event(new_text_message("at once"))
            return
        task = new_task_from_user_message(context.message)
        await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        await updater.start_work()
        await asyncio.sleep(60 if told == "long" else 0.3)
        if told == "fail":
            await updater.failed(updater.new_agent_message([Part(text="out of paper")]))
            return
        await updater.add_artifact([Part(text="You said: "), Part(text=told)])
        await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        cancelled.append(context.task_id)
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


def app(port: int, version: str) -> Starlette:
    card = AgentCard(
        name="Echo",
        description="Repeats.",
        version="1",
        supported_interfaces=[
            AgentInterface(url=f"http://127.0.0.1:{port}/rpc", protocol_binding="JSONRPC", protocol_version=version)
        ],
        capabilities=AgentCapabilities(streaming=True),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=[AgentSkill(id="echo-it", name="Echo it", description="Says it again.", tags=["echo"])],
    )
    handler = DefaultRequestHandler(Echo(), InMemoryTaskStore(), card)
    return Starlette(
        routes=[
            *create_agent_card_routes(card),
            *create_jsonrpc_routes(handler, "/rpc", enable_v0_3_compat=True),
            Route("/cancelled", lambda request: JSONResponse(cancelled)),
        ]
    )


if __name__ == "__main__":
    sock = socket.create_server(("127.0.0.1", 0))
    print(sock.getsockname()[1], flush=True)
    server = uvicorn.Server(uvicorn.Config(app(sock.getsockname()[1], sys.argv[1]), log_level="warning"))
    asyncio.run(server.serve(sockets=[sock]))
