"""What the shop's agents can do. The tools use its database, in an app context of their own."""

from shop import database

from flask_agent_api import RunContext
from flask_agent_api import RunRequest
from flask_agent_api import tool


def my_orders(request: RunRequest, ctx: RunContext):
    """Tells customers what they have ordered."""
    rows = database().execute("select article, state from orders where customer = ?", (ctx.principal.id,)).fetchall()
    yield f"Hello {ctx.principal.id}, you have {len(rows)} orders."
    for article, state in rows:
        yield f" {article}: {state}."


@tool
def set_state(order: int, state: str, ctx: RunContext) -> str:
    """Changes the state of an order.

    Args:
        order: The number of the order.
        state: ordered, sent or returned.
    """
    with database() as connection:
        changed = connection.execute("update orders set state = ? where id = ?", (state, order)).rowcount
    return f"Order {order} is {state} now, says {ctx.principal.id}." if changed else f"There is no order {order}."
