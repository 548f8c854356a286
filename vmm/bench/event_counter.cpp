#include "bench/event_counter.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace twofold::vmm {

std::expected<EventCounter, std::string> EventCounter::open(std::uint32_t type, std::uint64_t event,
                                                            Of of) {
    perf_event_attr attributes{};
    attributes.size = sizeof attributes;
    attributes.type = type;
    attributes.config = event;
    attributes.exclude_kernel = of == Of::process ? 1 : 0;
    attributes.exclude_guest = of == Of::process ? 1 : 0;
    attributes.exclude_host = of == Of::guest ? 1 : 0;
    attributes.exclude_hv = 1;
    FileDescriptor counter{static_cast<int>(
        syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC))};
    if (!counter.open()) return std::unexpected(std::string{std::strerror(errno)});
    return EventCounter{std::move(counter)};
}

std::uint64_t EventCounter::count() const {
    std::uint64_t value = 0;
    return read(counter_.get(), &value, sizeof value) == sizeof value ? value : 0;
}

} // namespace twofold::vmm
