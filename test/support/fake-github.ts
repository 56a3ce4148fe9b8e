import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the fake knows of one repository and one package; tests change it as they go. */
export interface FakeGitHubState {
  immutable: boolean;
  enforcedByOwner: boolean;
  /** How many reads still see the setting as it was before a write. */
  lag: number;
  /** GitHub answers 404 for a setting that is off, in some of its versions. */
  absentWhenOff: boolean;
  administers: boolean;
  package: { visibility: string; repository?: { full_name: string } | null } | undefined;
  scopes: string | undefined;
  /** Answers everything, instead of all that is above. */
  fault: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
}

export interface FakeGitHub {
  readonly url: string;
  readonly state: FakeGitHubState;
  /** `<method> <path>` of each call. */
  readonly calls: string[];
  readonly authorizations: Set<string | undefined>;
  close(): Promise<void>;
}

/** GitHub's API on loopback, for repository m1k1o/neko and package neko of user m1k1o. */
export async function fakeGitHub(changes: Partial<FakeGitHubState> = {}): Promise<FakeGitHub> {
  const state: FakeGitHubState = {
    ...{ immutable: false, enforcedByOwner: false, lag: 0, absentWhenOff: false, administers: true },
    ...{ package: undefined, scopes: "read:packages, repo", fault: undefined },
    ...changes,
  };
  const calls: string[] = [];
  const authorizations = new Set<string | undefined>();
  let before = state.immutable;
  const answer = (response: ServerResponse, status: number, body?: unknown): void => {
    response.writeHead(status, state.scopes === undefined ? {} : { "x-oauth-scopes": state.scopes });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  };
  const server = createServer((request, response) => {
    const call = `${request.method ?? ""} ${request.url ?? ""}`;
    calls.push(call);
    authorizations.add(request.headers.authorization);
    if (state.fault !== undefined) {
      state.fault(request, response);
      return;
    }
    switch (call) {
      case "GET /repos/m1k1o/neko":
        answer(response, 200, { full_name: "m1k1o/neko", permissions: { admin: state.administers, push: true } });
        return;
      case "GET /repos/m1k1o/neko/immutable-releases": {
        if (state.lag > 0) state.lag -= 1;
        else before = state.immutable;
        if (!before && state.absentWhenOff) answer(response, 404, { message: "Not Found" });
        else answer(response, 200, { enabled: before, enforced_by_owner: state.enforcedByOwner });
        return;
      }
      case "PUT /repos/m1k1o/neko/immutable-releases":
      case "DELETE /repos/m1k1o/neko/immutable-releases":
        before = state.immutable;
        state.immutable = request.method === "PUT";
        answer(response, 204);
        return;
      case "GET /users/m1k1o/packages/container/neko":
        if (state.package === undefined) answer(response, 404, { message: "Package not found." });
        else answer(response, 200, { name: "neko", package_type: "container", ...state.package });
        return;
      default:
        answer(response, 404, { message: "Not Found" });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    state,
    calls,
    authorizations,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}
