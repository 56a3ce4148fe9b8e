/** What the Pod Security Standard `restricted` demands, for each of ARC's pods. */

/** ghcr.io/actions/actions-runner: `useradd --uid 1001 runner`; the image names its user by name, which kubelet can't check. */
const runnerUser = 1001;
/** ghcr.io/actions/gha-runner-scale-set-controller is built on distroless `nonroot`. */
const controllerUser = 65_532;

const podContext = (user: number) => ({
  runAsNonRoot: true,
  runAsUser: user,
  runAsGroup: user,
  fsGroup: user,
  seccompProfile: { type: "RuntimeDefault" },
});

const containerContext = (readOnlyRootFilesystem: boolean) => ({
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  privileged: false,
  capabilities: { drop: ["ALL"] },
  readOnlyRootFilesystem,
  seccompProfile: { type: "RuntimeDefault" },
});

export const runnerPodContext = podContext(runnerUser);
/** The runner writes its registration, logs and updates beside its binaries, in /home/runner: a read-only root stops it. */
export const runnerContainerContext = containerContext(false);
export const controllerPodContext = podContext(controllerUser);
export const controllerContainerContext = containerContext(true);
