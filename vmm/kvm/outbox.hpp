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

    /// Readable when there is something to take.
    [[nodiscard]] int descriptor() const { return event_.get(); }
    /// What comes from now on is not announced before the next take(), unless it is much or the
    /// last: the reader comes by itself. False when it should come at once.
    [[nodiscard]] bool wait_for_more();

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
    void forget_event();

    std::mutex mutex_;
    std::condition_variable taken_;
    Contents contents_;
    bool closed_ = false;
    /// What was put since the last take() has been announced.
    bool announced_ = false;
    /// The reader should take it at once.
    bool urgent_ = false;
    FileDescriptor event_;
};

} // namespace twofold::vmm::kvm
