// What every test needs: the server's address, fresh accounts with a client each, and patience with others' views.

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createOAuthAPIClient, createRestAPIClient, MastoHttpError } from "masto";

export const url = (process.env.ROOST_URL ?? "http://127.0.0.1:3000").replace(/\/$/, "");
export const password = "correct horse battery staple";
export const scopes = "read write follow push";

const run = randomBytes(3).toString("hex");
let number = 0;

/** A word that no other test and no earlier run has used. */
export const unique = (stem) => `${stem}${run}j${++number}`;

/** A client without a token. */
export const anyone = createRestAPIClient({ url });
export const oauth = createOAuthAPIClient({ url });

let app;

/** The application that all tests share. */
export const application = () =>
  (app ??= anyone.v1.apps.create({ clientName: "js suite", redirectUris: "urn:ietf:wg:oauth:2.0:oob", scopes }));

/** A token of the application itself. */
export async function applicationToken() {
  const { clientId, clientSecret } = await application();
  return oauth.token.create({ grantType: "client_credentials", clientId, clientSecret, redirectUri: "urn:ietf:wg:oauth:2.0:oob", scope: scopes });
}

/** Registers an account and returns it with its client. */
export async function register(stem = "js") {
  const { accessToken } = await applicationToken();
  const username = unique(stem);
  const registering = createRestAPIClient({ url, accessToken });
  const token = await registering.v1.accounts.create({ username, password, email: `${username}@example.com`, agreement: true, locale: "en" });
  const api = createRestAPIClient({ url, accessToken: token.accessToken });
  const account = await api.v1.accounts.verifyCredentials();
  return { username, id: account.id, token: token.accessToken, api, email: `${username}@example.com` };
}

/** Registers several accounts. */
export const several = (...stems) => Promise.all(stems.map(register));

/** Waits until `check` returns something true, and returns that. */
export async function eventually(check, ms = 5000) {
  const deadline = Date.now() + ms;
  for (;;) {
    let result, error;
    try {
      result = await check();
    } catch (raised) {
      error = raised;
    }
    if (result) return result;
    if (Date.now() > deadline) throw error ?? new Error(`still ${JSON.stringify(result)} after ${ms} ms`);
    await sleep(20);
  }
}

/** Follows and waits until the follow counts. */
export async function follow(who, whom, options) {
  await who.api.v1.accounts.$select(whom.id).follow(options);
  await eventually(async () => (await who.api.v1.accounts.relationships.fetch({ id: [whom.id] }))[0].following);
}

/** Publishes a status. */
export const post = (who, status = unique("post "), more = {}) => who.api.v1.statuses.create({ status, ...more });

/** Waits until a status is visible to somebody. */
export const seen = (who, status) => eventually(async () => (await who.api.v1.statuses.$select(status.id).fetch()).id);

/** Walks a paginator to its end and returns the pages. */
export async function pages(paginator, most = 100) {
  const found = [];
  for await (const page of paginator.values()) {
    found.push(page);
    if (found.length > most) throw new Error("the pages never end");
  }
  return found;
}

/** An expectation for `assert.rejects`: the library's error with this status. */
export const refusal = (statusCode) => (error) => {
  if (!(error instanceof MastoHttpError)) throw error;
  return error.statusCode === statusCode && typeof error.message === "string" && error.message.length > 0;
};

export const ids = (items) => items.map((item) => item.id);
