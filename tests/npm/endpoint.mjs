// The endpoint that the tests ask, and a fetch that notes what was sent.
export const url = process.env.ENDPOINT_URL;
export const headers = JSON.parse(process.env.ENDPOINT_HEADERS);

export function noting() {
  const sent = [];
  const noted = async (input, init) => {
    const body = init?.body ? JSON.parse(init.body) : null;
    const response = await fetch(input, init);
    sent.push({
      method: init?.method ?? "GET",
      accept: new Headers(init?.headers).get("accept"),
      text: body ? "query" in body : new URL(input).searchParams.has("query"),
      status: response.status,
      type: response.headers.get("content-type").split(";")[0],
    });
    return response;
  };
  return { fetch: noted, sent };
}
