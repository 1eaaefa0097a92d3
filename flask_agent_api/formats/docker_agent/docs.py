"""What each field of docker-agent's files means, in a line: for the JSON Schema that editors read, and for the docs."""

from __future__ import annotations

from collections.abc import Mapping

TOP: Mapping[str, str] = {
    "version": "Version of the format. It changes nothing: the fields of all versions are read.",
    "agents": "The agents by name. `root`, else the first, answers for the team.",
    "models": "Models by the name that agents give for them.",
    "providers": "Where models are reached, by the name that models give as their `provider`.",
    "metadata": "About the file itself.",
    "mcps": "MCP servers by the name that toolsets give as `ref`.",
    "env": "Values for variables that the environment does not set (version 1 of the format).",
    "env_file": "A file with such values (version 1 of the format). It is not read.",
    "permissions": "Which tools may be called.",
    "rag": "Collections of documents to search, by name.",
    "commands": "Groups of commands, for `use_commands`.",
    "skills": "Groups of skills, for `use_skills`.",
    "toolsets": "Groups of toolsets, for `use_toolsets`.",
    "runtime": "What the author suggests for the whole run: `safety`, `sandbox`, `network_allowlist`.",
    "budget": "Limits of one run: `max_cost`, `max_tokens`, `max_time`.",
    "budgets": "Named limits, each one pot for the agents that name it.",
    "flavors": "Named changes to the file, of which `AGENT_API_FLAVORS` chooses some.",
}

METADATA: Mapping[str, str] = {
    "author": "Who wrote it.",
    "license": "Under which licence.",
    "readme": "A longer description.",
    "description": "What it is.",
    "version": "The version of this file.",
    "tags": "Words to find it by.",
}

RUNTIME: Mapping[str, str] = {
    "safety": "The safety mode of agents that have none of their own: strict, balanced, restricted, autonomous.",
    "sandbox": "Whether to run in a container.",
    "network_allowlist": "Hosts that tools may reach.",
}

BUDGET: Mapping[str, str] = {
    "max_cost": "US dollars. Only models with a `cost` in the file, or a price in `AGENT_API_PRICES`, cost anything.",
    "max_tokens": "Tokens that models read and write.",
    "max_time": "Time since the first of its agents began: `90s`, `10m`, `1h30m`.",
}

PERMISSIONS: Mapping[str, str] = {
    "allow": "Patterns of tools that may be called: `read_*`, `shell:cmd=git*`.",
    "ask": "Patterns of tools whose calls somebody has to approve. Over HTTP nobody can.",
    "deny": "Patterns of tools that are never called.",
}

AGENT: Mapping[str, str] = {
    "model": "A name in `models`, `provider/model`, `auto`, or several with commas between them.",
    "description": "What it does, for clients and for the agents that delegate to it. Knows `${env.X}`.",
    "instruction": "The system prompt, word for word. A list is joined by blank lines.",
    "instruction_file": "A file beside this one, or a list of them, with the system prompt.",
    "toolsets": "The tools it has.",
    "sub_agents": "Agents it may give tasks to, with `transfer_task`.",
    "handoffs": "Agents it may hand the conversation to, with `handoff`.",
    "force_handoff": "The agent that the conversation goes to after each answer.",
    "max_iterations": "Model calls in one run at the most; 0 leaves it to the server.",
    "max_consecutive_tool_calls": "The same call so often in a row ends the run.",
    "num_history_items": "How many messages of the conversation the model gets to read.",
    "max_old_tool_call_tokens": "Tokens of earlier tool calls that the model gets to read.",
    "max_tool_result_tokens": "Tokens of each tool result that the model gets to read.",
    "add_date": "Tell the model today's date.",
    "add_environment_info": "Tell the model the working directory, the operating system and the CPU.",
    "add_prompt_files": "Files beside this one whose text ends the system prompt. They are read for each run.",
    "add_prompt_files_depth": "Tell the model of files of these names in folders below, so many levels deep.",
    "welcome_message": "What a chat client may show before the first question. Knows `${env.X}`.",
    "commands": "Prompts by name: a user's `/name` is replaced by its prompt. Knows `${args[0]}` and `${env.X}`.",
    "structured_output": "The JSON that every answer is, unless a request wants its own format.",
    "fallback": "Models to go on with when the agent's own fails.",
    "session_compaction": "Summarise long conversations.",
    "compaction_threshold": "How full the model's context is when a conversation is summarised.",
    "compaction_model": "The model that summarises.",
    "code_mode_tools": "Offer all tools as functions of one JavaScript tool.",
    "add_description_parameter": "Ask the model why, with each tool call.",
    "skills": "Skills: `true` for all in `.agents/skills` and `.claude/skills`, names of some, or skills written here.",
    "hooks": "Commands to run before and after tools and at other events.",
    "safety": "Which tools run without a question: strict, balanced, restricted, autonomous.",
    "readonly": "Keep only tools that say they change nothing.",
    "redact_secrets": "Take secrets out of what the model reads.",
    "cache": "Give the same answer to the same question.",
    "harness": "An external coding program that answers in the model's place.",
    "budgets": "Names of the file's `budgets` that hold for this agent.",
    "use_commands": "Names of the file's groups of `commands`.",
    "use_skills": "Names of the file's groups of `skills`.",
    "use_toolsets": "Names of the file's groups of `toolsets`.",
    "rag": "Names of the file's `rag` collections (up to version 7).",
    "think": "Version 0 of the format: the think toolset.",
    "todo": "Version 0 of the format: the todo toolset.",
    "memory": "Version 0 of the format: the memory toolset.",
    "name": "Version 0 of the format. Agents are called by their key.",
    "routing": "Agents that hooks may choose to go on with.",
}

SKILL: Mapping[str, str] = {
    "name": "What it is called.",
    "description": "Which tasks it is for.",
    "instructions": "What to do.",
    "context": "`fork`: another agent does it, and gives the result.",
    "model": "With `fork`, the model of that agent.",
    "allowed_tools": "With `fork`, patterns of the agent's tools that may be used.",
    "toolsets": "With `fork`, names of the file's `toolsets` that are added.",
}

COMMAND: Mapping[str, str] = {
    "description": "What it does.",
    "instruction": "The prompt that stands for `/name`.",
    "agent": "The agent of the team that answers.",
    "url": "A page to open.",
}

_SAMPLING = {
    "temperature": "0 to 2; higher is less predictable.",
    "max_tokens": "Tokens of an answer at the most.",
    "top_p": "0 to 1; the share of likely words to choose from.",
    "frequency_penalty": "-2 to 2; against repeating words often.",
    "presence_penalty": "-2 to 2; against repeating words at all.",
    "parallel_tool_calls": "Whether the model may call several tools at once.",
    "thinking_budget": "How much the model thinks: an effort like `low`, or tokens. 0 or `none`: not at all.",
    "task_budget": "How much work the model may do for one task.",
    "track_usage": "Ask the provider how many tokens a call used; true unless it says false.",
    "auth": "Another way to authenticate than a key.",
    "provider_opts": "Options of one provider: `top_k`, `service_tier`, `http_headers`, `api_version`, ...; "
    "`extra_body` goes into each call as it is.",
    "bypass_models_gateway": "Call the provider itself although the server has a gateway.",
    "base_url": "Where the API is, up to before `/chat/completions`.",
    "token_key": "The environment variable with the key.",
    "headers": "Headers of each call. Knows `${env.X}`.",
    "compaction_model": "The model that summarises long conversations.",
    "compaction_threshold": "How full the context is when a conversation is summarised.",
}

MODEL: Mapping[str, str] = {
    **_SAMPLING,
    "provider": "Who serves it: `openai`, `anthropic`, `mistral`, ... or a name in `providers`.",
    "model": "What the provider calls it.",
    "first_available": "Several models, of which the first whose key is set is used; instead of all other fields.",
    "description": "What it is good for.",
    "type": "Version 0 of the format: the provider.",
    "env": "Version 0 of the format: values for variables that the environment does not set.",
    "routing": "Models to use for questions that are like given examples.",
    "title_model": "The model that makes titles of conversations, and what else chat UIs ask for.",
    "capabilities": "What it can read besides text.",
    "output_capabilities": "What it can make besides text.",
    "cost": "What a million of its tokens cost, in US dollars.",
}

ROUTE: Mapping[str, str] = {
    "model": "The model that answers: a name in `models`, or `provider/model`.",
    "examples": "What users say to it. The rule with the most similar example is taken.",
}

CAPABILITIES: Mapping[str, str] = {
    "image": "Whether it can see images.",
    "pdf": "Whether it can read documents.",
    "audio": "Whether it can listen to recordings.",
    "video": "Whether it can see videos.",
}

COST: Mapping[str, str] = {
    "input": "Of the prompt.",
    "output": "Of the answer.",
    "cache_read": "Of what a cache had of the prompt.",
    "cache_write": "Of what goes into a cache.",
}

STRUCTURED_OUTPUT: Mapping[str, str] = {
    "name": "What the model is told that the format is called.",
    "description": "What the model is told about the format.",
    "schema": "The JSON Schema. Answers that it forbids are errors.",
    "strict": "Whether the model's provider is to hold the model to it. The answer is checked in any case.",
    "mode": "`native` asks the provider for the format, `tool` has the model give its answer by calling a tool.",
}

FALLBACK: Mapping[str, str] = {
    "models": "The models to try, in this order.",
    "retries": "How often each is tried again after a passing failure; 0 leaves it to the server, -1 is never.",
    "cooldown": "How long a model that will go on failing is left in peace, like `30s` or `2m`; else one minute.",
    "no_fallback_status_codes": "HTTP statuses of a gateway after which no other model is tried (version 6).",
}

PROVIDER: Mapping[str, str] = {
    **_SAMPLING,
    "api_type": "Which API it speaks. Chat Completions are used in any case.",
    "provider": "The provider that this one is a variant of.",
    "unload_api": "Where the server is told to unload a model.",
}

REMOTE: Mapping[str, str] = {
    "url": "Where the server is. Knows `${env.X}`.",
    "transport_type": "`streamable` (the default) or `sse`.",
    "headers": "Headers of each request. Knows `${env.X}`, and `${headers.X}` for a header of the incoming request "
    "that `AGENT_API_FORWARD_HEADERS` names.",
    "oauth": "Log in with OAuth.",
}

LIFECYCLE: Mapping[str, str] = {
    "profile": "A set of defaults: `strict` and `best-effort` mean `restart: never`.",
    "restart": "Whether a server that has ended is started when it is needed again: not if this is `never`.",
    "max_restarts": "Attempts in a row that may fail before there is no other; 0 or less: no limit.",
    "backoff": "How long to wait after an attempt that failed.",
    "startup_timeout": "How long a start may take; 30s.",
    "call_timeout": "How long a call may take; by default the setting `AGENT_API_TOOL_TIMEOUT` says.",
    "required": "Refuse to start without the server.",
}

POST_EDIT: Mapping[str, str] = {
    "path": "Which files it is for: `*.py`, `src/*/*.ts`.",
    "cmd": "A shell command. It finds the path of the file in `${file}`.",
}

BACKOFF: Mapping[str, str] = {
    "initial": "The first wait; 1s.",
    "max": "The longest wait; 32s.",
    "multiplier": "How many times as long the next wait is; 2.",
    "jitter": "The part of a wait by which it may be off, at random; 0.",
}

TOOLSET_FIELDS: Mapping[str, str] = {
    "type": "Which tools these are.",
    "instruction": "What the model is told about the tools, instead of what they say themselves. "
    "`{ORIGINAL_INSTRUCTIONS}` stands for that.",
    "tools": "Names of the tools to offer; all others are left out. For `python`: import strings `module:attr`.",
    "readonly": "Keep only tools that say they change nothing.",
    "toon": "Regular expressions, with commas between them: the JSON results of tools that they find are written as "
    "TOON, which has fewer tokens. Needs `flask-agent-api[toon]`.",
    "defer": "Tools that the model sees only once it has searched for them: true for all, or names.",
    "model": "The model that reads the results of these tools, for that one model call.",
    "lifecycle": "How the server is started, and started again.",
    "command": "The program to start. It is never installed.",
    "args": "Arguments of the program, word for word.",
    "env": "Variables of the program. Knows `$X` and `${X}`.",
    "ref": "A name in `mcps`, or `docker:NAME` of Docker's catalogue (docs/tools/mcp.md). Of `rag`: a name in `rag`.",
    "remote": "A server that is reached by URL.",
    "name": "What it is called; its tools become `NAME_tool`.",
    "working_dir": "The folder where it works, from the file's folder on. Knows `~`, `$X` and `${X}`.",
    "config": "Configuration of a server of Docker's catalogue.",
    "version": "The package to install the program from. Nothing is ever installed here.",
    "shared": "One list for the whole team.",
    "path": "The file, or the folder, that it works with.",
    "allow_list": "Folders that alone may be read and written. Knows `~`, `$X` and `${X}`.",
    "deny_list": "Folders and files that may not. Knows `~`, `$X` and `${X}`.",
    "post_edit": "Commands to run after files were changed. Needs `AGENT_API_ALLOW=shell`.",
    "ignore_vcs": "Leave out what `.gitignore` names.",
    "sandbox": "Run in a container.",
    "timeout": "Seconds that a call may take.",
    "headers": "Headers of each request. Know `${env.X}`, of `api` and `openapi` also `${headers.X}`.",
    "url": "Where it is.",
    "api_config": "One HTTP endpoint as a tool.",
    "allowed_domains": "The only hosts to fetch from: `a.org` with all below it, `*.a.org`, addresses, ranges.",
    "blocked_domains": "Hosts not to fetch from.",
    "allow_private_ips": "Ask for addresses of this machine and its network, too; `AGENT_API_ALLOW` must allow it.",
    "escape_html": "Write `<`, `>` and `&` as escapes where several pages are fetched at once.",
    "max_output_bytes": "How much of an answer the model gets to read; 0: all of it.",
    "allowed_servers": "Servers of the catalogue to offer; all others are left out.",
    "blocked_servers": "Servers of the catalogue to leave out.",
    "rag_config": "A collection of documents that stands here, not in `rag`.",
    "webhook_config": "Where to send what, and in which shape.",
    "file_types": "Extensions of the files that this language server is for.",
    "models": "The models to choose from.",
    "shell": "Commands by name, each a tool.",
    "safer": "Ask before commands that look destructive.",
    "safer_judge_model": "The model that is asked whether a command is destructive.",
    "sudo_askpass": "Ask the user for the password of `sudo`.",
    "recall": "Tell the agent when a job has ended.",
}

API: Mapping[str, str] = {
    "name": "The tool's name.",
    "method": "`GET`, which is the default, `POST`, `PUT`, `PATCH` or `DELETE`.",
    "endpoint": "The URL. Knows `${env.X}`, and `${name}` for an argument, which is encoded.",
    "instruction": "What the model is told that it does.",
    "args": "The arguments by name, each with its JSON Schema.",
    "required": "Names of the arguments that a call must have.",
    "headers": "Headers of each request. Know `${env.X}` and `${headers.X}`.",
    "output_schema": "What answers look like; nobody reads it here.",
}

WEBHOOK: Mapping[str, str] = {
    "provider": "What the receiver is: `generic`, which is the default, `slack`, `discord`, `telegram`, `teams`, "
    "`mattermost`, `rocketchat`, `googlechat` or `ifttt`.",
    "url": "Where messages go. Knows `${env.X}`: with most services the address is a secret.",
    "headers": "Headers of each message. Know `${env.X}`.",
    "chat_id": "The chat that telegram sends messages to.",
}

SCRIPT: Mapping[str, str] = {
    "cmd": "The command, in the language of the shell. Arguments are variables in it: `$name`.",
    "description": "What the model is told that it does.",
    "args": "The arguments by name, each with its JSON Schema; text if that says no type.",
    "required": "Names of the arguments that a call must have; all of them if this is left out.",
    "env": "Variables of the command. Knows `${env.X}`.",
    "working_dir": "The folder where it runs, from that of the toolset on. Knows `~`, `$X` and `${X}`.",
}

TOOLSET_TYPES: Mapping[str, str] = {
    "a2a": "The skills of a remote agent, over the A2A protocol.",
    "api": "One HTTP endpoint as a tool.",
    "background_agents": "Give tasks to agents of the team that work side by side.",
    "background_jobs": "Run commands in the background.",
    "environment": "Tell the operating system and the shell.",
    "fetch": "Fetch web pages.",
    "file": "Read and write one file.",
    "filesystem": "Read, search and write files.",
    "git": "Read a git repository.",
    "lsp": "Ask a language server about code.",
    "mcp": "The tools of an MCP server.",
    "mcp_catalog": "Search Docker's catalogue of MCP servers, and use them.",
    "memory": "Remember facts from one conversation to the next.",
    "model_picker": "Let the agent change its model.",
    "open_url": "Give the user a link of the file.",
    "openapi": "The operations of an OpenAPI description.",
    "plan": "Write plans together, and keep them from one conversation to the next.",
    "python": "Python functions, by import string. This one is of this server alone.",
    "rag": "Search a collection of documents.",
    "scheduler": "Do something later.",
    "script": "Commands written in the file, each a tool.",
    "session_context": "Read earlier conversations.",
    "session_plan": "Write a plan for the user to agree to.",
    "shell": "Run commands.",
    "tasks": "Keep tasks from one conversation to the next.",
    "think": "A place to think aloud.",
    "todo": "A list of things to do.",
    "user_prompt": "Ask the user.",
    "webhook": "Send a message to a URL.",
}

_REQUESTS = "`private-network` for addresses of this machine and its network"

TOOLSET_NEEDS: Mapping[str, str] = {
    "a2a": _REQUESTS,
    "api": _REQUESTS,
    "background_jobs": "`shell`",
    "fetch": _REQUESTS,
    "file": "`write` to change files, `shell` for `post_edit`",
    "filesystem": "`write` to change files, `shell` for `post_edit`",
    "lsp": "`write` to change files",
    "mcp": "`remote-files` for a file from elsewhere",
    "memory": "`memory`",
    "openapi": _REQUESTS,
    "plan": "`memory`, and `write` to write files",
    "script": "`script`",
    "session_context": "`memory`",
    "shell": "`shell`",
    "tasks": "`memory`",
    "webhook": f"`webhook`, and {_REQUESTS}",
}
"""The words of ``AGENT_API_ALLOW`` that a toolset needs; one that is not here needs none."""

TOOLSET_EXTRAS: Mapping[str, str] = {"fetch": "fetch", "mcp": "mcp", "rag": "rag"}
"""What to install for a toolset: ``pip install 'flask-agent-api[EXTRA]'``."""

HOOK_EVENTS: Mapping[str, str] = {
    "pre_tool_use": "Before a tool call: may block it or change its arguments.",
    "post_tool_use": "After a tool call: may add to its result, or end the run.",
    "session_start": "When a run begins: may add to the prompt.",
    "session_end": "When a run ends.",
    "stop": "When the agent has answered.",
    "before_llm_call": "Before a model call.",
    "after_llm_call": "After a model call.",
    "before_compaction": "Before a conversation is summarised.",
    "before_agent_run": "Before an agent begins: may choose another.",
    "after_agent_complete": "After an agent's answer: may choose one to go on.",
    "prompt_file_guard": "Before prompt files are used: has to approve.",
    "skill_content_guard": "Before a skill is read: has to approve.",
    "after_compaction": "After a conversation was summarised.",
    "pre_compact": "Before a conversation is summarised.",
    "notification": "When the user is to be told something.",
    "on_agent_switch": "When another agent takes over.",
    "on_error": "When a run fails.",
    "on_max_iterations": "When the model may not be called again.",
    "on_session_resume": "When a session goes on.",
    "on_tool_approval_decision": "When the user has said whether a tool may run.",
    "on_user_input": "When the user is asked something.",
    "permission_request": "When the user is asked whether a tool may run.",
    "subagent_stop": "When another agent has done its task.",
    "tool_guard": "Before a tool call: may block it.",
    "tool_input_transform": "Before a tool call, to change its arguments.",
    "tool_response_transform": "After a tool call, to change its result.",
    "turn_start": "When a turn begins.",
    "turn_end": "When a turn ends.",
    "user_followup_submit": "When the user adds to a question.",
    "user_prompt_submit": "When the user asks a question.",
    "user_steering_messages_submit": "When the user says something while the agent works.",
    "worktree_create": "When a worktree is made.",
}

HOOK_MATCHER: Mapping[str, str] = {
    "matcher": "A regular expression for whole names of tools; empty or `*`: all.",
    "hooks": "What is run.",
    "preempt_yolo": "Ask although everything is allowed.",
}

HOOK: Mapping[str, str] = {
    "type": "What kind of hook it is: `command`.",
    "command": "The command line. It gets a JSON object on its standard input.",
    "timeout": "Seconds that it may take; 60 if nothing is said.",
    "env": "Variables of the command. Knows `${env.X}`.",
    "working_dir": "The folder where it runs, from the file's folder on.",
    "name": "What it is called.",
    "args": "Arguments of a built-in hook.",
    "on_error": "What a failure of the hook means.",
    "strict_output": "Take other output than JSON for a failure.",
    "model": "The model that decides.",
    "prompt": "What that model is asked.",
    "schema": "What that model answers.",
    "system_prompt": "The system prompt of that model.",
    "evaluator": "A name in `evaluators`.",
    "evaluator_policy": "What follows from what the evaluator says.",
    "routing_policy": "Which agent follows from what the evaluator says.",
}
