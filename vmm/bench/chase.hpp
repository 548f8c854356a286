// `twofold bench chase`: a chain of loads, natively and in a guest.
#pragma once

#include "cli/context.hpp"
#include "kvm/host.hpp"
#include "report/benchmark.hpp"

#include <string_view>
#include <vector>

namespace twofold::vmm {

/// Which walks stand behind a guest's figures on such a host.
std::string_view guest_walks(kvm::Paging paging);

/// Nanoseconds a load by working set, page size and dimensions, and the ratio of guest to native at
/// the largest. Without a usable /dev/kvm the native figures alone, with the reason.
std::vector<BenchmarkResult> bench_chase(Context& context);

} // namespace twofold::vmm
