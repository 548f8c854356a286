// A line that says that something still happens, on terminals only.
#pragma once

#include "system/event_loop.hpp"
#include "system/output.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace twofold::vmm {

/// Shows "what ... 3 s" once nothing has been printed for a second, and takes it away before
/// anything else is printed.
class Progress {
  public:
    Progress(Output& terminal, std::string what)
        : terminal_(terminal), what_(std::move(what)), enabled_(terminal.is_terminal()) {}
    ~Progress();
    Progress(Progress const&) = delete;
    Progress& operator=(Progress const&) = delete;

    /// What to call ten times a second; empty where nothing would be shown.
    [[nodiscard]] std::function<void()> ticker();
    /// To be called before `text` is printed.
    void make_way_for(std::string_view text);

  private:
    void tick();
    void clear();

    Output& terminal_;
    std::string what_;
    bool enabled_;
    bool shown_ = false;
    /// Nothing is shown while the cursor stands within a line.
    bool line_begins_ = true;
    Clock::time_point started_ = Clock::now();
    Clock::time_point last_print_ = Clock::now();
};

} // namespace twofold::vmm
