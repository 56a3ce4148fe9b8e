import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { z } from "zod";

/**
 * `gh`, as far as the workflows call it, on a bare repository in the place of GitHub's: refs and commits are made there as
 * the API makes them, and refused as the API refuses them. What was asked is written to a file, one line for each call.
 * Called as: gh.ts REPOSITORY LOG ARGUMENT…
 */

const [repository = "", log = "", ...args] = process.argv.slice(2);
const options: Record<string, string> = {};
const fields: Record<string, string> = {};
const words: string[] = [];
for (let position = 0; position < args.length; position += 1) {
  const word = args[position] ?? "";
  if (!word.startsWith("--")) words.push(word);
  else if (word === "--verify-tag") options[word] = "";
  else {
    position += 1;
    const value = args[position] ?? "";
    if (word === "--raw-field") fields[value.slice(0, value.indexOf("="))] = value.slice(value.indexOf("=") + 1);
    else options[word] = value;
  }
}
appendFileSync(log, `${args.join(" ").replaceAll("\n", " ")}\n`);

function git(given: readonly string[], input?: string | Uint8Array, index?: string): string {
  return execFileSync("git", ["--git-dir", repository, ...given], {
    encoding: "utf8",
    ...(input === undefined ? {} : { input }),
    // GitHub is committer of what its API commits, and the token's owner is the author.
    env: {
      ...process.env,
      GIT_AUTHOR_NAME: "github-actions[bot]",
      GIT_AUTHOR_EMAIL: "41898282+github-actions[bot]@users.noreply.github.com",
      GIT_COMMITTER_NAME: "GitHub",
      GIT_COMMITTER_EMAIL: "noreply@github.com",
      ...(index === undefined ? {} : { GIT_INDEX_FILE: index }),
    },
  }).trim();
}

function fail(why: string): never {
  process.stderr.write(`gh: ${why}\n`);
  process.exit(1);
}

function print(answer: unknown): void {
  const { stdout, status } = spawnSync("jq", ["--raw-output", options["--jq"] ?? "."], {
    input: JSON.stringify(answer),
    encoding: "utf8",
  });
  if (status !== 0) fail("the expression of --jq is wrong");
  process.stdout.write(stdout);
}

const slug = process.env["GITHUB_REPOSITORY"] ?? "";
const refsOf = (prefix: string): { ref: string; object: { sha: string } }[] =>
  git(["for-each-ref", "--format=%(refname) %(objectname)", "refs/"])
    .split("\n")
    .filter((line) => line.startsWith(prefix))
    .map((line) => ({ ref: line.split(" ")[0] ?? "", object: { sha: line.split(" ")[1] ?? "" } }));

/** The API's `CreateCommitOnBranchInput`, as far as it is used. */
const commitInput = z.strictObject({
  query: z
    .string()
    .regex(/^mutation \(\$input: CreateCommitOnBranchInput!\) \{ createCommitOnBranch\(input: \$input\)/),
  variables: z.strictObject({
    input: z.strictObject({
      branch: z.strictObject({ repositoryNameWithOwner: z.literal(slug), branchName: z.string() }),
      expectedHeadOid: z.string(),
      message: z.strictObject({ headline: z.string().min(1), body: z.string() }),
      fileChanges: z.strictObject({
        additions: z.array(z.strictObject({ path: z.string(), contents: z.base64() })).min(1),
      }),
    }),
  }),
});

function createCommit(): void {
  const document: unknown = JSON.parse(readFileSync(options["--input"] ?? "", "utf8"));
  const { branch, expectedHeadOid, message, fileChanges } = commitInput.parse(document).variables.input;
  const ref = `refs/heads/${branch.branchName}`;
  const head = refsOf(ref).find((one) => one.ref === ref)?.object.sha;
  if (head !== expectedHeadOid) fail(`Expected branch to point to "${expectedHeadOid}" but it did not`);
  const index = `${repository}/api-index`;
  git(["read-tree", head], undefined, index);
  for (const { path, contents } of fileChanges.additions) {
    const blob = git(["hash-object", "-w", "--stdin"], Buffer.from(contents, "base64"));
    git(["update-index", "--add", "--cacheinfo", `100644,${blob},${path}`], undefined, index);
  }
  const tree = git(["write-tree"], undefined, index);
  const oid = git(["commit-tree", tree, "-p", head], `${message.headline}\n\n${message.body}\n`);
  git(["update-ref", ref, oid, head]);
  print({ data: { createCommitOnBranch: { commit: { oid } } } });
}

const [command = "", what = ""] = words;
const pullRequests = `${repository}/pull-requests`;
const heads = existsSync(pullRequests) ? readFileSync(pullRequests, "utf8").split("\n") : [];
if (process.env["GH_TOKEN"] === undefined) fail("there is no token");
if (command === "api" && what === "graphql") createCommit();
else if (command === "api" && what.startsWith(`repos/${slug}/git/matching-refs/`)) {
  print(refsOf(`refs/${what.slice(`repos/${slug}/git/matching-refs/`.length)}`));
} else if (command === "api" && what === `repos/${slug}/git/refs`) {
  const { ref = "", sha = "" } = fields;
  if (refsOf(ref).some((one) => one.ref === ref)) fail("Reference already exists (HTTP 422)");
  git(["update-ref", ref, git(["rev-parse", "--verify", `${sha}^{commit}`]), ""]);
  print({ ref, object: { sha } });
} else if (command === "pr" && what === "list") {
  print(heads.filter((head) => head === options["--head"]).map((_, number) => ({ number })));
} else if (command === "pr" && what === "create") {
  const head = options["--head"] ?? "";
  const ahead = git(["rev-list", "--count", `refs/heads/${options["--base"] ?? ""}..refs/heads/${head}`]);
  if (ahead === "0") fail(`No commits between ${options["--base"] ?? ""} and ${head}`);
  appendFileSync(pullRequests, `${head}\n`);
} else if (command === "workflow" && what === "run") {
  git(["rev-parse", "--verify", `refs/heads/${options["--ref"] ?? ""}`]);
} else if (command === "release" && what === "create") {
  if ("--verify-tag" in options) git(["rev-parse", "--verify", `refs/tags/${words[2] ?? ""}`]);
  for (const file of words.slice(3)) if (!existsSync(file)) fail(`no matches found for ${file}`);
  appendFileSync(log, readFileSync(options["--notes-file"] ?? "", "utf8"));
} else fail(`unknown command ${args.join(" ")}`);
