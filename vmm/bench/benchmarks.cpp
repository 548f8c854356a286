#include "bench/benchmarks.hpp"

#include "bench/exits.hpp"

namespace twofold::vmm {

namespace {

constexpr Benchmark all_benchmarks[] = {
    {"exits",
     "what leaving the guest costs, in ticks that the guest reads by rdtsc (median of 64).\n"
     "In Bochs a tick is an instruction, VM entry and exit are free, and two runs are equal to\n"
     "the tick. A tick says nothing about cache misses, nor about the cost of a world switch on\n"
     "silicon. floor: a monitor that does nothing else. KVM: Linux's on the same emulated\n"
     "processor.",
     bench_exits},
};

} // namespace

std::span<Benchmark const> benchmarks() { return all_benchmarks; }

} // namespace twofold::vmm
