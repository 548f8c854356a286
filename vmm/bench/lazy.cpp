#include "bench/lazy.hpp"

#include "bench/bare_kvm.hpp"
#include "bench/interleaved.hpp"
#include "bench/touch_loop.hpp"
#include "kvm/clone.hpp"
#include "kvm/processor_thread.hpp"
#include "kvm/userfault.hpp"
#include "system/failure.hpp"

#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace twofold::vmm {

namespace {

constexpr std::uint64_t bench_window = 16;

/// What both sides start from.
struct LazyBench {
    kvm::Device device;
    kvm::CpuidTable cpuid = device.supported_cpuid();
    std::size_t shared_bytes = device.run_bytes();
    kvm::ProcessorState entry = [this] {
        kvm::EmptyMachine const machine{device, cpuid};
        return TouchLoop::entry_state(read_state(device, machine.first(), kvm::state_msrs(device)));
    }();

    double per_page(double seconds) const { return seconds / TouchLoop::pages; }
};

/// One guest by our own means.
double run_ours(LazyBench const& bench, bool userfault, bool eager) {
    auto ram = kvm::GuestRam::zeroed(TouchLoop::memory_bytes, page_4k);
    if (eager) ram.populate();
    TouchLoop::load(ram.bytes());
    std::unique_ptr<kvm::FaultHandler> handler;
    if (userfault) {
        auto descriptor = kvm::FaultHandler::open_userfault();
        if (!descriptor) throw Failure{descriptor.error()};
        handler = std::make_unique<kvm::FaultHandler>(std::move(*descriptor), ram.bytes(),
                                                      kvm::PageSource{.window = bench_window});
    }
    kvm::EmptyMachine machine{bench.device, bench.cpuid};
    machine.machine.set_slot(0, Gpa{}, ram.bytes());
    auto& processor = machine.first();
    write_state(processor, bench.entry);
    kvm::GuestServices const services;
    kvm::Board board{{}, ram, [](std::string_view) {}};
    kvm::ProcessorThread thread{processor, ram, services, board};
    kvm::Stop stop;
    double const seconds = seconds_of([&] { stop = thread.run(); });
    if (stop.reason != "halt") throw Failure{"the guest stopped: " + stop.message};
    return bench.per_page(seconds);
}

/// Serves faults of the memory from `begin` on with as few calls as there can be, until `stop` is
/// readable.
void serve_bare(int userfault, int stop, std::uint64_t begin, std::byte const* zeros) {
    pollfd waited[2] = {{userfault, POLLIN, 0}, {stop, POLLIN, 0}};
    uffd_msg message;
    constexpr std::uint64_t window = bench_window * 4096;
    while (poll(waited, 2, -1) > 0 && waited[1].revents == 0) {
        if (read(userfault, &message, sizeof message) != sizeof message) continue;
        uffdio_copy copy{.dst = begin + (message.arg.pagefault.address - begin) / window * window,
                         .src = reinterpret_cast<std::uint64_t>(zeros),
                         .len = window,
                         .mode = 0,
                         .copy = 0};
        (void)ioctl(userfault, UFFDIO_COPY, &copy);
    }
}

class BareUserfault {
  public:
    BareUserfault(std::byte* begin, std::size_t bytes) {
        auto descriptor = kvm::FaultHandler::open_userfault();
        if (!descriptor) throw Failure{descriptor.error()};
        userfault_ = std::move(*descriptor);
        uffdio_register range{.range = {reinterpret_cast<std::uint64_t>(begin), bytes},
                              .mode = UFFDIO_REGISTER_MODE_MISSING,
                              .ioctls = 0};
        check_bare(ioctl(userfault_.get(), UFFDIO_REGISTER, &range), "UFFDIO_REGISTER");
        thread_ = std::thread{[this, from = reinterpret_cast<std::uint64_t>(begin)] {
            serve_bare(userfault_.get(), stop_.read_end.get(), from, zeros_.data());
        }};
    }
    ~BareUserfault() {
        stop_.write_end.reset();
        thread_.join();
    }
    BareUserfault(BareUserfault const&) = delete;
    BareUserfault& operator=(BareUserfault const&) = delete;

  private:
    std::vector<std::byte> zeros_ = std::vector<std::byte>(bench_window * 4096);
    FileDescriptor userfault_;
    Pipe stop_ = Pipe::make();
    std::thread thread_;
};

double run_bare(LazyBench const& bench, bool userfault, bool eager) {
    BareMachine machine;
    machine.map(-1, TouchLoop::memory_bytes);
    auto* const memory = static_cast<std::byte*>(machine.memory);
    if (eager)
        check_bare(madvise(memory, machine.memory_bytes, MADV_POPULATE_WRITE),
                   "MADV_POPULATE_WRITE");
    TouchLoop::load({memory, machine.memory_bytes});
    std::unique_ptr<BareUserfault> handler;
    if (userfault)
        handler = std::make_unique<BareUserfault>(memory + TouchLoop::first_page,
                                                  TouchLoop::pages * 4096);
    machine.make(bench.device.get(), bench.shared_bytes, bench.cpuid);
    machine.set_slot();
    machine.set_state(bench.entry);
    return bench.per_page(seconds_of([&] { machine.run_to_halt(); }));
}

BenchmarkResult measure_lazy(TurnTaker& turns, LazyBench const& bench, std::string name,
                             bool userfault, bool eager, double most, std::string note) {
    auto const taken = turns.take(
        name, [&] { return run_ours(bench, userfault, eager); },
        [&] { return run_bare(bench, userfault, eager); });
    return against_floor(std::move(name), taken, most, std::move(note));
}

} // namespace

std::vector<BenchmarkResult> bench_lazy(Context& context) {
    TurnTaker turns{context};
    LazyBench const bench;
    std::vector<BenchmarkResult> results;
    results.push_back(measure_lazy(turns, bench, "lazy_anonymous", false, false, 1.05,
                                   "a page of 4K, first written to by the guest; by the kernel"));
    results.push_back(measure_lazy(turns, bench, "lazy_populated", false, true, 1.05,
                                   "the same page, given its frame before the guest started"));
    if (auto const userfault = kvm::FaultHandler::open_userfault()) {
        results.push_back(measure_lazy(turns, bench, "lazy_uffd16", true, false, 1.2,
                                       "the same page, by userfaultfd, 16 pages a fault"));
    } else {
        results.push_back({.name = "lazy_uffd16",
                           .unit = "us",
                           .value = {},
                           .floor = {},
                           .peer = {},
                           .goal = {},
                           .source = "not measured: " + userfault.error(),
                           .note = "by userfaultfd, 16 pages a fault"});
    }
    return results;
}

} // namespace twofold::vmm
