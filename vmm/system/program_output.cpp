#include "system/program_output.hpp"

#include "system/child_process.hpp"
#include "system/failure.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm {

ProgramOutput output_of(std::vector<std::string> command, Signals const& signals,
                        std::chrono::seconds limit, std::vector<int> inherited,
                        std::function<void()> const& on_wait) {
    auto const started = Clock::now();
    Pipe pipe = Pipe::make();
    ChildProcess child{
        {.command = command, .inherited = std::move(inherited), .output = pipe.write_end.get()},
        signals};
    pipe.write_end.reset();

    ProgramOutput output;
    bool open = true;
    EventLoop loop{signals};
    loop.watch(pipe.read_end.get(), [&] { open = read_some(pipe.read_end.get(), output.text); });
    while (open) {
        auto const end = started + limit;
        loop.wait(on_wait ? std::min(end, Clock::now() + std::chrono::milliseconds{100}) : end);
        if (on_wait) on_wait();
        if (open && Clock::now() >= end) {
            throw Failure{fmt::format("{} still ran after {} s", command.front(), limit.count())};
        }
    }
    output.exit_status = child.wait();
    output.wall = Clock::now() - started;
    return output;
}

} // namespace twofold::vmm
