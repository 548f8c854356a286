#include "guest/kit/native_report.hpp"

#include "guest/kit/launch.hpp"
#include "guest/kit/paging.hpp"
#include "guest/kit/processor.hpp"
#include "guest/kit/uart.hpp"

#include <twofold/abi/json_line.hpp>
#include <twofold/abi/report.hpp>
#include <twofold/abi/walk_record.hpp>

namespace twofold::guest {

namespace {

/// The place in the bundle of the only guest that a native launch has.
constexpr std::uint64_t own_number = 0;

constinit Uart report{abi::report_port};

void add_result(abi::JsonLine<Uart>& line, LiveWalk const& found) {
    if (!found) {
        line.object("fault")("dimension", "guest")("level", found.error().level)(
            "reason", abi::name_of(found.error().reason));
        return;
    }
    auto const page = abi::hex(found->page_size.bytes());
    line("gpa", abi::hex(found->address))("hpa", abi::hex(found->address))("page_size", page)(
        "guest_page", page);
}

} // namespace

void report_native_start() {
    abi::LaunchInfo const& info = launch();
    abi::JsonLine{report}("record", "guest_start")("guest", own_number)("name", arguments()[0])(
        "memory_bytes", info.memory_bytes)(
        "guest_page", abi::hex(PageSize{info.guest_page_shift}.bytes()))("populate",
                                                                         "eager")("native", true);
}

std::uint64_t report_native_walk(Gva gva) {
    abi::JsonLine line{report};
    line("record", "walk")("guest", own_number)("gva", abi::hex(gva))("native", true);
    std::uint64_t count = 0;
    auto const found = [&] {
        auto references = line.array("references");
        return walk_live(gva, [&](unsigned level, Gpa address, std::uint64_t entry) {
            ++count;
            references.object()("dimension", "guest")("level", level)("address", abi::hex(address))(
                "entry", abi::hex(entry))("gpa", abi::hex(address));
        });
    }();
    add_result(line, found);
    return count;
}

void report_native_figure(std::string_view name, std::uint64_t ticks) {
    abi::JsonLine{report}("record", "figure")("guest", own_number)("name", name)("unit", "ticks")(
        "value", ticks);
}

void report_native_stop(std::uint64_t code, std::uint64_t rip) {
    {
        abi::JsonLine line{report};
        line("record", "guest_stop")("guest", own_number)("name", arguments()[0])("reason", "exit")(
            "code", code)("message", "")("rip", abi::hex(rip))("ticks",
                                                               read_ticks() - first_tick());
        // Nothing intervened: no exit, no frame, no violation.
        constexpr std::uint64_t none = 0;
        static_cast<void>(line.object("exits"));
        line.object("frames")("memory", none)("tables", none);
        line.object("violations")("read", none)("write", none)("execute", none)(
            "during_walk", none)("ticks", none)("ticks_min", none)("ticks_max", none);
    }
    abi::JsonLine{report}("record", "end")("frames_in_use", std::uint64_t{0});
}

} // namespace twofold::guest
