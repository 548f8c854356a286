#include "bench/event_counter.hpp"
#include "tests/catch.hpp"

#include <linux/perf_event.h>
#include <sys/mman.h>

#include <iostream>

namespace event_counter_test {

using namespace twofold::vmm;

TEST_CASE("a counter counts its event in this process") {
    auto const faults = EventCounter::open(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS,
                                           EventCounter::Of::process);
    if (!faults) {
        std::cout << "skipped: the kernel offers no performance events: " << faults.error() << '\n';
        return;
    }
    auto const before = faults->count();
    constexpr std::size_t pages = 50;
    auto* const memory = static_cast<char volatile*>(
        mmap(nullptr, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    (void)madvise(const_cast<char*>(memory), pages * 4096, MADV_NOHUGEPAGE);
    for (std::size_t page = 0; page < pages; ++page)
        memory[page * 4096] = 1;
    munmap(const_cast<char*>(memory), pages * 4096);
    CHECK(faults->count() - before >= pages);
}

} // namespace event_counter_test
