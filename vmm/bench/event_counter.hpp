// Counters of the kernel's performance events, where it offers them.
#pragma once

#include "system/file_descriptor.hpp"

#include <linux/perf_event.h>

#include <cstdint>
#include <expected>
#include <string>

namespace twofold::vmm {

/// Counts one event of this thread ("perf_event_open" of Linux's manual).
class EventCounter {
  public:
    /// `of`: where the event counts: in this process's own code, or in guests that this thread
    /// runs.
    enum class Of : std::uint8_t { process, guest };
    /// Why there is none, in words, where the kernel refuses.
    static std::expected<EventCounter, std::string> open(std::uint32_t type, std::uint64_t event,
                                                         Of of);

    /// Since it was opened.
    [[nodiscard]] std::uint64_t count() const;

  private:
    explicit EventCounter(FileDescriptor counter) : counter_(std::move(counter)) {}
    FileDescriptor counter_;
};

} // namespace twofold::vmm
