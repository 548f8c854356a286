// One launch from its start to its report.
#pragma once

#include "engine/engine.hpp"
#include "report/console_filter.hpp"
#include "report/run_report.hpp"
#include "report/style.hpp"

#include <functional>
#include <memory>
#include <string>

namespace twofold::vmm {

/// A run under way, and what it has said up to now.
class Session {
  public:
    struct Options {
        /// Gets the guest's console, safe for a terminal unless `raw`.
        std::function<void(std::string_view)> console = [](std::string_view) {};
        bool raw = false;
        /// See Sinks::engine_line.
        std::function<void(std::string_view)> engine_line = {};
    };

    Session(Engine& engine, LaunchPlan const& plan, EventLoop& loop, Options options);
    Session(Session const&) = delete;
    Session& operator=(Session const&) = delete;

    [[nodiscard]] Run& run() { return *run_; }
    [[nodiscard]] RunReport const& report() const { return report_; }

    /// After the run has finished: hands out the rest of the console.
    void finish();
    /// How it ended; after finish().
    [[nodiscard]] Ending const& ending() const { return ending_; }

    /// Why the run as a whole failed, if it did: the hypervisor could not start or go on, or was
    /// stopped. Several lines. Empty when each guest came to an end of its own.
    [[nodiscard]] std::string failure(Style const& style) const;
    /// The guest's own when it ended by itself; 1 for every failure.
    [[nodiscard]] int exit_status() const;

  private:
    bool on_report_line(std::string_view line);

    Options options_;
    ConsoleFilter filter_;
    RunReport report_;
    std::uint64_t lines_ = 0;
    Ending ending_;
    std::unique_ptr<Run> run_;
};

} // namespace twofold::vmm
