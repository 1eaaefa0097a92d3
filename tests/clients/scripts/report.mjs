// What the Node scripts share: the scenarios to play come in, a JSON line for each goes out. See report.py.

export const messages = (ask) => [{ role: "user", content: ask.question }];

export async function play(ways) {
  const [baseURL, scenarios] = process.argv.slice(2);
  for (const ask of JSON.parse(scenarios)) {
    if (!ways[ask.way]) continue;
    const seen = { pieces: [], reasoning: "", events: 0, pending: [], ran: [], models: [], value: null };
    Object.assign(seen, { error: "", message: "" });
    try {
      await ways[ask.way]({ ...ask, baseURL }, seen);
    } catch (error) {
      const name = error?.constructor?.name;
      Object.assign(seen, { error: name ?? typeof error, message: String(error?.message ?? error).slice(0, 500) });
    }
    console.log(JSON.stringify({ name: ask.name, ...seen }));
  }
}
