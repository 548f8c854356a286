// What a guest's threads hand to the event loop: not byte by byte, for a guest's output leaves it
// so.
#pragma once

#include "system/file_descriptor.hpp"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace twofold::vmm::kvm {

class Outbox {
  public:
    struct Contents {
        std::string console;
        std::vector<std::string> report;
        bool finished = false;
    };

    Outbox();

    /// Readable when there is something to take: a millisecond after the first of the console or
    /// some lines of the report came, or at once when it is much or the last.
    [[nodiscard]] int descriptor() const { return timer_.get(); }

    /// Waits while too much of the console was not taken yet, until close().
    void put_console(std::string_view bytes);
    /// A line without its newline.
    void put_report(std::string line);
    void finish();

    [[nodiscard]] Contents take();
    /// Nothing is taken any more: writers no longer wait.
    void close();

  private:
    enum class When : std::uint8_t { soon, now };
    void announce(When when);

    std::mutex mutex_;
    std::condition_variable taken_;
    Contents contents_;
    bool closed_ = false;
    /// What was put since the last take() has been announced.
    bool announced_ = false;
    FileDescriptor timer_;
};

} // namespace twofold::vmm::kvm
