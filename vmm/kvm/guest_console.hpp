// What the guests of one run print. A guest that is alone prints as it pleases; where there are
// several, whole lines are printed, each behind "[number] ", so that everything can be told apart.
#pragma once

#include "kvm/outbox.hpp"

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace twofold::vmm::kvm {

/// One for all guests of a run.
class ConsoleLines {
  public:
    explicit ConsoleLines(Outbox& outbox) : outbox_(outbox) {}

    void put_as_is(std::string_view bytes);
    /// Ends a line that was begun before.
    void put_line(std::uint64_t number, std::string_view line);

  private:
    std::mutex mutex_;
    Outbox& outbox_;
    /// A guest that was alone has printed a part of a line.
    bool line_begun_ = false;
};

/// One for each guest.
class GuestConsole {
  public:
    GuestConsole(ConsoleLines& lines, std::uint64_t number) : lines_(lines), number_(number) {}

    void put(std::string_view bytes);
    /// From now on others print as well.
    void share();
    /// Prints what there is of a line.
    void flush();

  private:
    void print_line();

    ConsoleLines& lines_;
    std::mutex mutex_;
    std::uint64_t number_;
    bool shared_ = false;
    std::string line_;
};

} // namespace twofold::vmm::kvm
