#include "bench/benchmarks.hpp"

#include "bench/exits.hpp"
#include "bench/sim.hpp"
#include "bench/walk_matrix.hpp"

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
    {"walk",
     "references of cold two-dimensional walks, by guest page and EPT page, for 4 and 5 levels in\n"
     "either dimension: counted on tables that are built for it, by the closed form\n"
     "(g+1)(h+1)-1, and for 4 over 4 on the live guest `walk` in Bochs beside what the emulated\n"
     "processor itself read.",
     bench_walk},
    {"sim",
     "what the simulator of `twofold sim` costs, in instructions an access by callgrind, and the\n"
     "walker, as ratios to a bare chain of dependent loads over the very same addresses.",
     bench_sim},
};

} // namespace

std::span<Benchmark const> benchmarks() { return all_benchmarks; }

} // namespace twofold::vmm
