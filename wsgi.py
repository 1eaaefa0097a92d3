from flask_agent_api.wsgi import app

__all__ = ["app"]
