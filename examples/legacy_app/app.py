"""The shop with agents, in two places: for its customers as they are logged in, and for its staff with a key.

Serve it with ``gunicorn -k gevent app:app``, from this folder.
"""

import os

from assistants import my_orders
from flask import session
from shop import create_shop

from flask_agent_api import AgentAPI
from flask_agent_api import create_blueprint
from flask_agent_api import Principal

app = create_shop()
app.config["AGENT_API_MAX_BODY_BYTES"] = app.config["MAX_CONTENT_LENGTH"]


def customer(request):
    """Whoever is logged in on the pages."""
    return Principal(session["user"]) if "user" in session else None


AgentAPI(app, agents=my_orders, url_prefix="/v1", authenticate=customer)

staff = create_blueprint("staff.yaml", name="staff_api", config={"AGENT_API_KEYS": os.environ["STAFF_KEY"]})
app.register_blueprint(staff, url_prefix="/staff/v1")
