// A run of the hypervisor in an emulator that is a child process, its serial ports being pipes.
#pragma once

#include "engine/engine.hpp"
#include "engine/line_splitter.hpp"
#include "system/child_process.hpp"

#include <deque>
#include <optional>

namespace twofold::vmm {

/// What an emulator is given before it starts. The files live in memory: there is nothing to clean
/// up, whatever happens.
struct EmulatorFiles {
    Pipe console = Pipe::make();
    Pipe report = Pipe::make();
    Pipe chatter = Pipe::make();
    /// Kept open for as long as the emulator runs.
    std::vector<FileDescriptor> files = {};

    /// Adds a file and returns the path under which the emulator finds it.
    std::string add(char const* name, std::span<std::byte const> contents);
    std::string add(char const* name, std::string_view contents);
    /// The same with a file in TMPDIR of `bytes` zeros, which takes room only for what is written.
    std::string add_nameless(std::uint64_t bytes);
    /// All descriptors that the emulator inherits.
    [[nodiscard]] std::vector<int> inherited() const;
};

class EmulatorRun final : public Run {
  public:
    /// `wall_clock_limit`: 0 for none.
    EmulatorRun(std::vector<std::string> command, EmulatorFiles files, Sinks sinks, EventLoop& loop,
                std::chrono::milliseconds wall_clock_limit);
    ~EmulatorRun() override;
    EmulatorRun(EmulatorRun const&) = delete;
    EmulatorRun& operator=(EmulatorRun const&) = delete;

    [[nodiscard]] bool finished() const override { return ended_.has_value(); }
    [[nodiscard]] std::optional<Clock::time_point> deadline() const override { return deadline_; }
    void tick() override;
    [[nodiscard]] Ending ending() override;

  private:
    /// One of the pipes and what becomes of its bytes.
    struct Stream {
        FileDescriptor read_end;
        std::function<void(std::string_view)> on_bytes;
    };

    void watch(FileDescriptor read_end, std::function<void(std::string_view)> on_bytes);
    void on_end();
    void on_report_line(std::string_view line);
    void on_chatter_line(std::string_view line);

    EmulatorFiles files_;
    Sinks sinks_;
    EventLoop& loop_;
    Clock::time_point started_ = Clock::now();
    std::optional<Clock::time_point> ended_;
    std::optional<Clock::time_point> deadline_;
    Ending::Kind kind_ = Ending::Kind::finished;
    bool report_ended_ = false;
    std::deque<Stream> streams_;
    LineSplitter report_;
    LineSplitter chatter_;
    std::deque<std::string> last_lines_;
    ChildProcess child_;
};

} // namespace twofold::vmm
