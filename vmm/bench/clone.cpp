#include "bench/clone.hpp"

#include "bench/bare_kvm.hpp"
#include "bench/interleaved.hpp"
#include "bench/touch_loop.hpp"
#include "engine/emulated_machine.hpp"
#include "kvm/clone.hpp"
#include "kvm/host.hpp"
#include "system/failure.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cstdio>
#include <deque>
#include <fstream>
#include <memory>
#include <vector>

namespace twofold::vmm {

namespace {

constexpr std::uint64_t template_bytes = std::uint64_t{64} << 20;

struct CloneBench {
    kvm::Device device;
    kvm::CpuidTable cpuid = device.supported_cpuid();
    std::size_t shared_bytes = device.run_bytes();
    kvm::ProcessorState entry = [this] {
        kvm::EmptyMachine const machine{device, cpuid};
        return TouchLoop::entry_state(read_state(device, machine.first(), kvm::state_msrs(device)));
    }();
    kvm::MachineState clock = read_state(kvm::Machine{device}, false);

    /// A guest with every eighth page in use, which writes to `pages` of them when it runs.
    [[nodiscard]] kvm::Template make_template(std::uint64_t bytes,
                                              std::uint64_t pages = TouchLoop::pages) const {
        auto ram = kvm::GuestRam::zeroed(bytes, page_4k);
        for (std::uint64_t at = 0; at < bytes; at += 8 * page_4k.bytes())
            ram.bytes()[at] = std::byte{1};
        TouchLoop::load(ram.bytes());
        auto state = entry;
        state.registers.rsi = TouchLoop::first_page + pages * page_4k.bytes();
        return {ram, {.name = "bench", .machine = clock, .processors = {state}}};
    }
};

/// What is made in a turn is put away outside of what is timed.
double clone_ours(CloneBench const& bench, kvm::Template const& from) {
    std::unique_ptr<kvm::Clone> clone;
    return seconds_of([&] {
        clone = std::make_unique<kvm::Clone>(from, kvm::EmptyMachine{bench.device, bench.cpuid});
    });
}

double clone_bare(CloneBench const& bench, kvm::Template const& from) {
    BareMachine machine;
    return seconds_of([&] {
        machine.make(bench.device.get(), bench.shared_bytes, bench.cpuid);
        machine.map(from.memory().get(), from.memory_bytes());
        machine.set_slot();
        machine.set_clock(bench.clock);
        machine.set_state(bench.entry);
    });
}

double clone_from_pool(CloneBench const& bench, kvm::Template const& from) {
    kvm::EmptyMachine machine{bench.device, bench.cpuid};
    std::unique_ptr<kvm::Clone> clone;
    return seconds_of([&] { clone = std::make_unique<kvm::Clone>(from, std::move(machine)); });
}

/// Resets after the clone has written to some of its pages, in both ways alike.
Turns measure_resets(TurnTaker& turns, CloneBench const& bench, kvm::Template const& from) {
    constexpr std::uint64_t written = 16;
    kvm::Clone clone{from, {bench.device, bench.cpuid}};
    BareMachine bare;
    bare.make(bench.device.get(), bench.shared_bytes, bench.cpuid);
    bare.map(from.memory().get(), from.memory_bytes());
    bare.set_slot();
    auto const dirty = [](std::byte* memory) {
        for (std::uint64_t page = 0; page < written; ++page)
            memory[page * page_4k.bytes()] = std::byte{2};
    };
    return turns.take(
        "clone_reset",
        [&] {
            dirty(clone.ram().bytes().data());
            return seconds_of([&] { clone.reset(); });
        },
        [&] {
            dirty(static_cast<std::byte*>(bare.memory));
            return seconds_of([&] {
                check_bare(madvise(bare.memory, bare.memory_bytes, MADV_DONTNEED), "MADV_DONTNEED");
                bare.set_clock(bench.clock);
                bare.set_state(bench.entry);
            });
        });
}

std::uint64_t own_private_kibibytes() {
    std::ifstream rollup{"/proc/self/smaps_rollup"};
    std::uint64_t value = 0;
    std::uint64_t sum = 0;
    for (std::string line; std::getline(rollup, line);) {
        if (std::sscanf(line.c_str(), "Private_Dirty: %lu", &value) == 1) sum += value;
    }
    return sum;
}

BenchmarkResult memory_result(std::string name, double kibibytes, std::size_t clones,
                              std::string note) {
    return {.name = std::move(name),
            .unit = "KiB",
            .value = kibibytes,
            .floor = {},
            .peer = {},
            .goal = {},
            .source = std::string{kvm::examine_host().name},
            .note = fmt::format("each of {} live clones of a 64 MiB guest: {}", clones, note)};
}

/// What neither free memory nor files nor processes have: the kernel's own.
double kernel_kibibytes() {
    std::ifstream information{"/proc/meminfo"};
    std::string unit;
    double all = 0;
    double not_its_own = 0;
    double kibibytes = 0;
    for (std::string key; information >> key >> kibibytes; std::getline(information, unit)) {
        if (key == "MemTotal:") all = kibibytes;
        if (key == "MemFree:" || key == "Buffers:" || key == "Cached:" || key == "SwapCached:" ||
            key == "AnonPages:")
            not_its_own += kibibytes;
    }
    return all - not_its_own;
}

/// Keeps many clones alive at once, each after it has written to some of its pages.
std::vector<BenchmarkResult> measure_memory(CloneBench const& bench, kvm::Template const& from) {
    constexpr std::uint64_t room_for_thousand = std::uint64_t{8} << 30;
    std::size_t const count = available_memory().value_or(0) > room_for_thousand ? 1000 : 24;
    double const own_before = static_cast<double>(own_private_kibibytes());
    double const kernel_before = kernel_kibibytes();
    std::deque<kvm::Clone> clones;
    for (std::size_t i = 0; i < count; ++i) {
        clones.emplace_back(from, kvm::EmptyMachine{bench.device, bench.cpuid});
        do {
            check_bare(clones.back().processor().enter(), "KVM_RUN");
        } while (clones.back().processor().shared().exit_reason != KVM_EXIT_HLT);
    }
    auto const each = static_cast<double>(count);
    return {
        memory_result("clone_memory_user",
                      (static_cast<double>(own_private_kibibytes()) - own_before) / each, count,
                      "private memory of this process for each clone; it has run and written to "
                      "16 pages"),
        memory_result("clone_memory_kernel", (kernel_kibibytes() - kernel_before) / each, count,
                      "the kernel's memory for each")};
}

} // namespace

std::vector<BenchmarkResult> bench_clone(Context& context) {
    TurnTaker turns{context};
    CloneBench const bench;
    auto const small = bench.make_template(template_bytes / 8);
    auto const from = bench.make_template(template_bytes);
    // First: the kernel is late in freeing machines that were put away.
    auto const memory = measure_memory(bench, bench.make_template(template_bytes, 16));
    std::vector<BenchmarkResult> results;
    results.push_back(against_floor("clone_ready",
                                    turns.take(
                                        "clone_ready", [&] { return clone_ours(bench, from); },
                                        [&] { return clone_bare(bench, from); }),
                                    1.15, "a clone of a 64 MiB guest, ready to run"));
    results.push_back(against_floor("clone_ready_8m",
                                    turns.take(
                                        "clone_ready_8m", [&] { return clone_ours(bench, small); },
                                        [&] { return clone_bare(bench, small); }),
                                    1.15, "the same of an 8 MiB guest: the size does not matter"));
    results.push_back(
        against_floor("clone_pooled",
                      turns.take(
                          "clone_pooled", [&] { return clone_from_pool(bench, from); },
                          [&] { return clone_bare(bench, from); }),
                      0.25, "the same out of a pool of empty machines"));
    results.push_back(against_floor("clone_reset", measure_resets(turns, bench, from), 1.2,
                                    "a clone with 16 written pages, made the template's again"));
    results.insert(results.end(), memory.begin(), memory.end());
    return results;
}

} // namespace twofold::vmm
