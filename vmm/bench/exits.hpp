// What leaving the guest costs.
#pragma once

#include "cli/context.hpp"
#include "report/benchmark.hpp"

#include <vector>

namespace twofold::vmm {

/// Runs the guests `exits` and `hello` in Bochs, and unless `context` leaves KVM out, first `exits`
/// under KVM in a Linux that scripts/kvm-rig boots in the same emulator. Throws Failure when one of
/// them fails.
std::vector<BenchmarkResult> bench_exits(Context& context);

} // namespace twofold::vmm
