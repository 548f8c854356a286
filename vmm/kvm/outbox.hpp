// What a guest's threads hand to the event loop.
#pragma once

#include "system/file_descriptor.hpp"

#include <condition_variable>
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

    /// Waits while too much of the console was not taken yet, until close().
    void put_console(std::string_view bytes);
    /// A line without its newline.
    void put_report(std::string line);
    void finish();

    [[nodiscard]] Contents take();
    /// Nothing is taken any more: writers no longer wait.
    void close();

  private:
    void announce();

    std::mutex mutex_;
    std::condition_variable taken_;
    Contents contents_;
    bool closed_ = false;
    FileDescriptor event_;
};

} // namespace twofold::vmm::kvm
