// A run of pages is what its pages are, mapped one by one.
#include "catch.hpp"
#include "support/recording_memory.hpp"
#include "support/table_allocator.hpp"

#include <twofold/paging/map_run.hpp>
#include <twofold/paging/walk.hpp>

namespace map_run_test {

using namespace twofold;
using namespace twofold::test;

namespace {

using X86 = X86Format<Hva, Hpa, 4>;
using Ept = EptFormat<4>;
using ThirtyTwo = X86Format32<Hva, Hpa>;

template <class Format>
struct Scene {
    RecordingMemory memory;
    TableFrames<Hpa> tables{memory};
    Format format{};
    Hpa root = *tables.allocate_table();

    auto map_run(std::uint64_t input, std::uint64_t pages, PageSize size, std::uint64_t output) {
        return twofold::map_run(format, root, typename Format::Input{input}, pages * size.bytes(),
                                size, Hpa{output}, read_write, memory, tables);
    }
    auto map_each(std::uint64_t input, std::uint64_t pages, PageSize size, std::uint64_t output) {
        std::expected<Duty, MapError> all = Duty{};
        for (std::uint64_t at = 0; at < pages * size.bytes() && all; at += size.bytes()) {
            auto const one = map(format, root, typename Format::Input{input + at}, size,
                                 Hpa{output + at}, read_write, memory, tables);
            if (!one) return one;
            *all |= *one;
        }
        return all;
    }
};

constexpr std::uint64_t mib = 1 << 20;

} // namespace

TEMPLATE_TEST_CASE("a run makes the stores that its pages make one by one, in their order", "", X86,
                   Ept) {
    // Within a table, to its end, beyond it, and over one that holds something already.
    struct Case {
        std::uint64_t input, pages;
        PageSize size;
        std::uint64_t output;
    };
    auto const one = GENERATE(
        Case{0x40'0000, 16, page_4k, 0x80'0000}, Case{0x40'0000, 512, page_4k, 0x80'0000},
        Case{0x5f'f000, 1030, page_4k, 0x1000}, Case{0x3f00'0000, 24, page_2m, 0x8000'0000},
        Case{0x40'0000, 1, page_4k, 0x80'0000}, Case{0x40'0000, 0, page_4k, 0x80'0000});
    Scene<TestType> run;
    Scene<TestType> each;
    for (auto* scene : {&run, &each}) {
        REQUIRE(scene->map_each(0x60'2000, one.size == page_4k ? 2 : 0, page_4k, 0x7000));
        scene->memory.forget_stores();
    }
    auto const duty = run.map_run(one.input, one.pages, one.size, one.output);
    auto const wanted = each.map_each(one.input, one.pages, one.size, one.output);
    REQUIRE(duty.has_value());
    CHECK(*duty == *wanted);
    REQUIRE(run.memory.stores().size() == each.memory.stores().size());
    for (std::size_t at = 0; at < run.memory.stores().size(); ++at) {
        CHECK(run.memory.stores()[at].address == each.memory.stores()[at].address);
        CHECK(run.memory.stores()[at].after == each.memory.stores()[at].after);
    }
}

TEST_CASE("replacing other frames in a run is a duty, and replacing nothing is none") {
    Scene<Ept> scene;
    CHECK_FALSE(scene.map_run(0x40'0000, 16, page_4k, 0x80'0000)->must_invalidate());
    CHECK(scene.map_run(0x40'0000, 16, page_4k, 0x90'0000)->has(Duty::Reason::frame_changed));
    CHECK_FALSE(scene.map_run(0x40'0000, 16, page_4k, 0x90'0000)->must_invalidate());
}

TEST_CASE("a run that cannot be mapped says why, and keeps the pages before") {
    Scene<X86> scene;
    scene.format.physical_bits = 40;
    CHECK(scene.map_run(0x40'0000, 1, PageSize{22}, 0).error() == MapError::no_such_page_size);
    CHECK(scene.map_run(0x40'0800, 2, page_4k, 0).error() == MapError::misaligned);
    CHECK(scene.map_run(0x40'0000, 2, page_4k, 0x800).error() == MapError::misaligned);
    CHECK(scene.map_run(0, 2, page_4k, (std::uint64_t{1} << 40) - 4096).error() ==
          MapError::misaligned);
    REQUIRE(scene.map_run(4 * mib, 1, page_2m, 0x80'0000));
    CHECK(scene.map_run(4 * mib - 0x2000, 4, page_4k, 0x1000).error() ==
          MapError::larger_page_present);
    CHECK(walk(scene.format, scene.root, Hva{4 * mib - 0x1000}, scene.memory)->address ==
          Hpa{0x2000});
    CHECK_FALSE(walk(scene.format, scene.root, Hva{2 * mib}, scene.memory));
}

TEST_CASE("frames above 4 GiB in a 32-bit table are those of each page") {
    Scene<ThirtyTwo> scene;
    constexpr std::uint64_t high = std::uint64_t{3} << 32;
    PageSize const large{22};
    REQUIRE(scene.map_run(0, 3, large, high - large.bytes()));
    for (std::uint64_t page = 0; page < 3; ++page)
        CHECK(walk(scene.format, scene.root, Hva{page * large.bytes()}, scene.memory)->address ==
              Hpa{high - large.bytes() + page * large.bytes()});
}

} // namespace map_run_test
