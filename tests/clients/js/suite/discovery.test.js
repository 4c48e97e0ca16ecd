// Discovery and applications, as masto does them.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRestAPIClient } from "masto";
import { anyone, application, applicationToken, oauth, refusal, register, scopes, url } from "../support.js";

describe("discovery and applications", () => {
  // operation: instance.v1, instance.v2
  it("describes the server as a recent Mastodon", async () => {
    const [v1, v2] = [await anyone.v1.instance.fetch(), await anyone.v2.instance.fetch()];
    assert.ok(Number.parseInt(v2.version) >= 4 && Number.parseInt(v1.version) >= 4);
    assert.ok(v2.apiVersions.mastodon >= 1);
    assert.match(v2.configuration.urls.streaming, /^wss?:\/\//);
    assert.ok(v2.configuration.statuses.maxCharacters >= 500);
  });

  // operation: apps.create, oauth.token, apps.verify_credentials
  it("registers an application and verifies it", async () => {
    const app = await application();
    assert.ok(app.clientId && app.clientSecret);
    const token = await applicationToken();
    assert.equal(token.tokenType, "Bearer");
    assert.deepEqual(token.scope.split(" ").sort(), scopes.split(" ").sort());
    const client = createRestAPIClient({ url, accessToken: token.accessToken });
    assert.equal((await client.v1.apps.verifyCredentials()).name, "js suite");
  });

  // operation: oauth.token
  it("refuses a wrong secret", async () => {
    const { clientId } = await application();
    const asking = oauth.token.create({ grantType: "client_credentials", clientId, clientSecret: "wrong", redirectUri: "urn:ietf:wg:oauth:2.0:oob" });
    await assert.rejects(asking, refusal(401));
  });

  // operation: oauth.revoke
  it("refuses a revoked token at once", async () => {
    const user = await register("revoke");
    const { clientId, clientSecret } = await application();
    await oauth.revoke({ clientId, clientSecret, token: user.token });
    await assert.rejects(user.api.v1.accounts.verifyCredentials(), refusal(401));
    await assert.rejects(user.api.v1.statuses.create({ status: "no" }), refusal(401));
  });

  // operation: accounts.create
  it("explains an invalid sign-up field by field", async () => {
    const { accessToken } = await applicationToken();
    const client = createRestAPIClient({ url, accessToken });
    const signingUp = client.v1.accounts.create({ username: "has space", password: "short", email: "nonsense", agreement: false, locale: "en" });
    await assert.rejects(signingUp, (error) => {
      assert.ok(refusal(422)(error));
      assert.deepEqual(Object.keys(error.details).sort(), ["agreement", "email", "password", "username"]);
      return true;
    });
  });
});
