#!/bin/sh
# propose.sh TITLE FILE REFERENCE…: a pull request with the change of FILE, which names the REFERENCEs, and its checks.
# Nothing when FILE is as it was. GitHub makes the commit, by its API: then it is GitHub that signs it.
set -eu
title=$1 file=$2
shift 2
references=$(printf '%s\n' "$@")
if git diff --quiet -- "$file"; then
  echo "$file names this already: $references"
  exit 0
fi
repository=repos/$GITHUB_REPOSITORY
run=$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID
branch="release/$(printf %s "$references" | sha256sum | cut -c 1-12)"
head=$(gh api "$repository/git/matching-refs/heads/$branch" --jq ".[] | select(.ref == \"refs/heads/$branch\") | .object.sha")
if [ -z "$head" ]; then
  head=$(gh api "$repository/git/refs" --raw-field "ref=refs/heads/$branch" --raw-field "sha=$GITHUB_SHA" --jq .object.sha)
fi
# Another attempt of this run finds the branch with the commit.
if [ "$head" = "$GITHUB_SHA" ]; then
  contents=$(base64 --wrap=0 "$file")
  # GraphQL's variables, not the shell's.
  # shellcheck disable=SC2016
  mutation='mutation ($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { commit { oid } } }'
  jq --null-input --arg query "$mutation" --arg repository "$GITHUB_REPOSITORY" --arg branch "$branch" \
    --arg head "$head" --arg title "$title" --arg body "Verified by $run:
$references" --arg file "$file" --arg contents "$contents" '{$query, variables: {input: {
      branch: {repositoryNameWithOwner: $repository, branchName: $branch},
      expectedHeadOid: $head,
      message: {headline: $title, $body},
      fileChanges: {additions: [{path: $file, $contents}]}
    }}}' >commit.json
  gh api graphql --input commit.json --jq .data.createCommitOnBranch.commit.oid
fi
if [ "$(gh pr list --head "$branch" --state open --json number --jq length)" = 0 ]; then
  gh pr create --base "$GITHUB_REF_NAME" --head "$branch" --title "$title" --body "Published and verified by $run:

$references"
fi
gh workflow run pr.yml --ref "$branch"
