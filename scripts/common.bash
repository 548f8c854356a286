# What the scripts share. Sourced, never run.
# shellcheck shell=bash

# The top of the tree.
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# A line about progress: on standard error, for standard output belongs to what is run.
say() { printf '== %s\n' "$*" >&2; }

# What was wrong and what would be right, then out.
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

processors() { nproc 2>/dev/null || echo 1; }

# configure PRESET: writes the preset's build directory where there is none.
configure() {
    [[ -f $tree/build/$1/build.ninja ]] && return
    say "Configuring build/$1"
    (cd "$tree" && cmake --preset "$1") >&2
}

# build PRESET [TARGET...]: with progress; all targets when none is named.
build() {
    local preset=$1
    shift
    configure "$preset"
    say "Building build/$preset"
    ninja -C "$tree/build/$preset" "$@" >&2
}

# What Ninja says about work, with the heading before it; nothing when all is up to date. (A dry run
# would not tell: to it the globbed directories have always changed.)
only_work() {
    awk -v heading="== Building $1" '
        /^ninja: (Entering directory|no work to do)/ || /Re-checking globbed directories/ { next }
        !begun { print heading; begun = 1 }
        { print; fflush() }' >&2
}

# build_command [TARGET...]: the command of the release preset and all that it runs, and these. Silent
# when up to date.
build_command() {
    local targets=(twofold hypervisor_image guests twofold_static twofold_launch_floor kvm_rig_init
        "$@")
    if [[ -f $tree/build/release/build.ninja ]] && command -v ninja >/dev/null; then
        ninja -C "$tree/build/release" "${targets[@]}" | only_work build/release
    else
        "$tree/scripts/setup"
        build release "${targets[@]}"
    fi
}
