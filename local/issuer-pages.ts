import type { IncomingMessage, ServerResponse } from "node:http";
import type Provider from "oidc-provider";
import type { KoaContextWithOIDC } from "oidc-provider";

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);

const page = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>body { font: 1rem sans-serif; max-width: 26rem; margin: 3rem auto } input, button { font: inherit; padding: .4rem }</style>
<h1>${title}</h1>
${body}
</html>
`;

/** The pages of the device flow (RFC 8628 §3.3), which load nothing from elsewhere. */
export const devicePages = {
  userCodeInputSource: async (ctx: KoaContextWithOIDC, form: string, _out?: unknown, error?: unknown) => {
    const told =
      error === undefined ? "Enter the code that the terminal shows." : "That is not a code that waits. Try again.";
    ctx.body = page("Log in to Slipway", `<p>${told}</p>${form}<button form="op.deviceInputForm">Go on</button>`);
  },
  userCodeConfirmSource: async (
    ctx: KoaContextWithOIDC,
    form: string,
    _client: unknown,
    _device: unknown,
    userCode: string,
  ) => {
    ctx.body = page(
      "Is this the code in your terminal?",
      `<p><code>${escaped(userCode)}</code></p>${form}
<button form="op.deviceConfirmForm">Yes, log in there</button>
<button form="op.deviceConfirmForm" name="abort" value="yes">No</button>`,
    );
  },
  successSource: async (ctx: KoaContextWithOIDC) => {
    ctx.body = page("Done", "<p>The terminal goes on. This page can be closed.</p>");
  },
};

const INTERACTION = "/interaction/";

export const interactionUrl = (uid: string): string => `${INTERACTION}${uid}`;

const formOf = async (request: IncomingMessage): Promise<URLSearchParams> => {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  return new URLSearchParams(body);
};

/** Asks who one is, and takes one's word for it: this issuer is for one machine. Answers whether the request was for it. */
export const answerInteraction = async (
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> => {
  if (!request.url?.startsWith(INTERACTION)) return false;
  if (request.method === "POST") {
    const subject = (await formOf(request)).get("subject")?.trim();
    if (subject) {
      await provider.interactionFinished(request, response, { login: { accountId: subject }, consent: {} });
      return true;
    }
  }
  await provider.interactionDetails(request, response); // throws for one that is not under way
  response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(
    page(
      "Who are you?",
      `<p>The embedded cloud asks for no password.</p>
<form method="post"><input name="subject" value="developer" required aria-label="subject"> <button>Log in</button></form>`,
    ),
  );
  return true;
};
