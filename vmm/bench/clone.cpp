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

namespace twofold::vmm {

namespace {

constexpr std::uint64_t template_bytes = std::uint64_t{64} << 20;

struct CloneBench {
    kvm::Device device;
    kvm::CpuidTable cpuid = device.supported_cpuid();
    std::size_t shared_bytes = device.run_bytes();
    kvm::ProcessorState entry = [this] {
        kvm::EmptyMachine const machine{device, cpuid};
        return TouchLoop::entry_state(
            read_state(device, machine.processor, kvm::state_msrs(device)));
    }();

    /// A guest with every eighth page in use.
    [[nodiscard]] kvm::Template make_template(std::uint64_t bytes) const {
        auto ram = kvm::GuestRam::zeroed(bytes, page_4k);
        for (std::uint64_t at = 0; at < bytes; at += 8 * page_4k.bytes())
            ram.bytes()[at] = std::byte{1};
        TouchLoop::load(ram.bytes());
        return {ram.bytes(), entry};
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
        machine.set_state(bench.entry);
    });
}

double clone_from_pool(CloneBench const& bench, kvm::Template const& from) {
    kvm::EmptyMachine machine{bench.device, bench.cpuid};
    std::unique_ptr<kvm::Clone> clone;
    return seconds_of([&] { clone = std::make_unique<kvm::Clone>(from, std::move(machine)); });
}

/// Resets after the clone has written to some of its pages, in both ways alike.
Turns measure_resets(CloneBench const& bench, kvm::Template const& from) {
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
    return take_turns(
        [&] {
            dirty(clone.ram().bytes().data());
            return seconds_of([&] { clone.reset(); });
        },
        [&] {
            dirty(static_cast<std::byte*>(bare.memory));
            return seconds_of([&] {
                check_bare(madvise(bare.memory, bare.memory_bytes, MADV_DONTNEED), "MADV_DONTNEED");
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
            .source = fmt::format("{} live clones of a 64 MiB guest; {}", clones,
                                  kvm::examine_host().name),
            .note = std::move(note)};
}

/// Keeps many clones alive at once, and divides what became less.
std::vector<BenchmarkResult> measure_memory(CloneBench const& bench, kvm::Template const& from) {
    constexpr std::uint64_t room_for_thousand = std::uint64_t{8} << 30;
    auto const before = available_memory();
    std::size_t const count = before.value_or(0) > room_for_thousand ? 1000 : 24;
    std::uint64_t const own_before = own_private_kibibytes();
    std::deque<kvm::Clone> clones;
    for (std::size_t i = 0; i < count; ++i) {
        clones.emplace_back(from, kvm::EmptyMachine{bench.device, bench.cpuid});
        // As a clone that has run a little: some of its own pages.
        for (std::uint64_t page = 0; page < 16; ++page)
            clones.back().ram().bytes()[page * page_4k.bytes()] = std::byte{3};
    }
    auto const each = [count](double sum) { return sum / static_cast<double>(count); };
    double const own = each(static_cast<double>(own_private_kibibytes() - own_before));
    double const gone = static_cast<double>(before.value_or(0)) -
                        static_cast<double>(available_memory().value_or(0));
    return {memory_result("clone_memory_user", own, count,
                          "private memory of this process for each, 16 written pages in it"),
            memory_result("clone_memory_kernel", std::max(0.0, each(gone / 1024) - own), count,
                          "what else became unavailable for each: the kernel's")};
}

} // namespace

std::vector<BenchmarkResult> bench_clone(Context&) {
    CloneBench const bench;
    auto const small = bench.make_template(template_bytes / 8);
    auto const from = bench.make_template(template_bytes);
    std::vector<BenchmarkResult> results;
    results.push_back(against_floor("clone_ready",
                                    take_turns([&] { return clone_ours(bench, from); },
                                               [&] { return clone_bare(bench, from); }),
                                    1.15, "a clone of a 64 MiB guest, ready to run"));
    results.push_back(against_floor("clone_ready_8m",
                                    take_turns([&] { return clone_ours(bench, small); },
                                               [&] { return clone_bare(bench, small); }),
                                    1.15, "the same of an 8 MiB guest: the size does not matter"));
    results.push_back(against_floor("clone_pooled",
                                    take_turns([&] { return clone_from_pool(bench, from); },
                                               [&] { return clone_bare(bench, from); }),
                                    0.25, "the same out of a pool of empty machines"));
    results.push_back(against_floor("clone_reset", measure_resets(bench, from), 1.2,
                                    "a clone with 16 written pages, made the template's again"));
    auto const memory = measure_memory(bench, from);
    results.insert(results.end(), memory.begin(), memory.end());
    return results;
}

} // namespace twofold::vmm
