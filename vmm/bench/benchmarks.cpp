#include "bench/benchmarks.hpp"

#include "bench/chase.hpp"
#include "bench/clone.hpp"
#include "bench/exits.hpp"
#include "bench/launch.hpp"
#include "bench/lazy.hpp"
#include "bench/memory.hpp"
#include "bench/sim.hpp"
#include "bench/walk_matrix.hpp"

namespace twofold::vmm {

namespace {

constexpr Benchmark all_benchmarks[] = {
    {"exits",
     "what leaving the guest costs, in ticks that the guest reads by rdtsc (median of 64).\n"
     "In Bochs a tick is an instruction, VM entry and exit are free, and two runs are equal to\n"
     "the tick. A tick says nothing about cache misses, nor about the cost of a world switch on\n"
     "silicon. floor: a monitor that does nothing else. KVM: Linux's, measured by the very same\n"
     "guest on the same emulated processor, in the cloud kernel of Debian 12 that\n"
     "scripts/fetch-kernel fetches; takes the built tree, and most of the time.",
     bench_exits, false, false, true},
    {"memory",
     "what clones and copy-on-write cost, in ticks as above, how that grows with the guest's "
     "size,\n"
     "the number of clones and the depth of sharing, and how many frames N clones hold that write\n"
     "W pages each: for these, floor and goal are the closed form.",
     bench_memory, true},
    {"launch",
     "hello under KVM from exec to exit, beside a static program of the same bare system calls,\n"
     "in turns: medians and their ratio. Says what kind of KVM it ran on.",
     bench_launch, false, true},
    {"clone",
     "copy-on-write clones under KVM: ready to run, out of a pool, reset, and their memory;\n"
     "beside the same system calls made bare, in turns.",
     bench_clone, false, true},
    {"lazy",
     "memory that comes in when a guest under KVM touches it first: by the kernel, beforehand,\n"
     "and by userfaultfd; a page of 4K, beside the same system calls made bare, in turns.",
     bench_lazy, false, true},
    {"walk",
     "references of cold two-dimensional walks, by guest page and EPT page, for 4 and 5 levels in\n"
     "either dimension: counted on tables that are built for it, by the closed form\n"
     "(g+1)(h+1)-1, and for 4 over 4 on the live guest `walk` in Bochs beside what the emulated\n"
     "processor itself read. Then what caches leave of a walk, by the model, and the walks of\n"
     "other techniques: shadow, agile, flat, flattened, three dimensions.",
     bench_walk, true},
    {"chase",
     "a chain of loads, one in each page of 4K, natively and in ring 3 of a guest, over the very\n"
     "same memory at the same addresses: nanoseconds a load by working set, by the page size of\n"
     "either dimension, in turns. Says what kind of host it ran on: without a second dimension\n"
     "in hardware the guest's walks are of KVM's shadow tables.",
     bench_chase, true},
    {"sim",
     "what the simulator of `twofold sim` costs, in instructions an access by callgrind, and the\n"
     "walker, as ratios to a bare chain of dependent loads over the very same addresses.",
     bench_sim},
};

} // namespace

std::span<Benchmark const> benchmarks() { return all_benchmarks; }

} // namespace twofold::vmm
