// What leaving the guest costs.
#pragma once

#include "cli/context.hpp"
#include "report/benchmark.hpp"

#include <vector>

namespace twofold::vmm {

/// Runs the guests `exits` and `hello` in Bochs. Throws Failure when one of them fails.
std::vector<BenchmarkResult> bench_exits(Context& context);

/// The same, with KVM's figures measured now by the same guest: scripts/kvm-rig boots Linux in the
/// same emulator. Throws Failure where that cannot be done as well.
std::vector<BenchmarkResult> bench_exits_beside_kvm(Context& context);

} // namespace twofold::vmm
