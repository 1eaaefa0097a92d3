"""A shop as it has been served for years: pages behind a login, forms, a database, an API of its own. No agents."""

import decimal
import hashlib
import logging
import os
import sqlite3

from flask import Flask
from flask import g
from flask import jsonify
from flask import redirect
from flask import render_template_string
from flask import request
from flask import session
from flask.json.provider import DefaultJSONProvider
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import HTTPException

audit = logging.getLogger("shop.audit")
csrf = CSRFProtect()

FORM = "<form method=post><input name=csrf_token value='{{ csrf_token() }}'><input name={{ field }}><button></form>"


class JSON(DefaultJSONProvider):
    """Prices are texts, and every answer is wrapped: the shop's apps expect that."""

    def response(self, *args, **kwargs):
        return super().response({"shop": self._prepare_response_obj(args, kwargs)})

    @staticmethod
    def default(obj):
        return str(obj) if isinstance(obj, decimal.Decimal) else DefaultJSONProvider.default(obj)


def create_shop():
    """The app."""
    app = Flask("shop")
    app.config.update(SECRET_KEY=os.environ.get("SECRET_KEY", "only for development"), MAX_CONTENT_LENGTH=64 * 1024)
    app.json = JSON(app)
    csrf.init_app(app)
    app.before_request(require_login)
    app.after_request(note_what_was_sent)
    app.teardown_appcontext(close_database)
    app.register_error_handler(Exception, show_error)
    app.add_url_rule("/", view_func=orders)
    app.add_url_rule("/login", view_func=login, methods=["GET", "POST"])
    app.add_url_rule("/orders", view_func=order, methods=["GET", "POST"])
    app.add_url_rule("/api/orders", view_func=list_orders)
    return app


def database():
    """The connection of this request."""
    if "database" not in g:
        g.database = sqlite3.connect("shop.db")
        g.database.execute("create table if not exists orders (id integer primary key, customer, article, state)")
    return g.database


def close_database(error):
    if (connection := g.pop("database", None)) is not None:
        connection.close()


def require_login():
    g.user = session.get("user")
    if g.user is None and request.endpoint != "login":
        return redirect("/login")


def note_what_was_sent(response):
    """For the auditors: what was answered, as a digest. Reads all that the app sends."""
    digest = hashlib.sha256(response.get_data()).hexdigest()
    audit.info("%s %s %s", request.path, response.status_code, digest)
    response.headers["X-Digest"] = digest
    return response


def show_error(error):
    status = error.code if isinstance(error, HTTPException) else 500
    return f"<h1>Sorry</h1><p>Error {status}</p>", status


def login():
    if request.method == "POST":
        session["user"] = request.form["user"]
        return redirect("/")
    return render_template_string(FORM, field="user")


def orders():
    rows = database().execute("select id, article, state from orders where customer = ?", (g.user,))
    return "<ul>" + "".join(f"<li>{number}: {article}, {state}" for number, article, state in rows) + "</ul>"


def order():
    if request.method == "POST":
        with database() as connection:
            values = (g.user, request.form["article"], "ordered")
            connection.execute("insert into orders (customer, article, state) values (?, ?, ?)", values)
        return redirect("/")
    return render_template_string(FORM, field="article")


def list_orders():
    rows = database().execute("select article from orders where customer = ?", (g.user,))
    return jsonify([{"article": article, "price": decimal.Decimal("9.90")} for (article,) in rows])
