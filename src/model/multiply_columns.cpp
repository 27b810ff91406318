// Products of several tokens with codes that are stored by inputs. Blocks of inputs follow each
// other, whose sums stay in registers while the next block is asked for; what restores the codes of
// a block is made before it, for all tokens.
#include <algorithm>

#include "model/few.hpp"

namespace octet::model {
namespace {

constexpr std::size_t kMostOutputs =
    1536;  ///< of one task: the longer the pieces of rows, the sooner they come from memory

/// Where the parts of a task's room lie.
struct Room {
    std::size_t pitch;  ///< floats of a row of everything
    float* sums;        ///< a row a token
    float* supers;      ///< two rows, of the superblocks at hand
    float* scales;      ///< a row a group
    float* offsets;
};

/// Of a block.
std::size_t groups_of(const Few& few, std::size_t rows) {
    return few.is_plain() ? 0 : (rows + few.group - 1) / few.group;
}

std::size_t pitch_of(std::size_t outputs) {
    return (outputs + 15) / 16 * 16;
}

void restore_superblock(const Few& few, std::size_t super, const Outputs& outputs,
                        const Room& room) {
    const TwoLevels& two = *few.weight.state.two;
    super_floats_of(few.weight, two.scales, super, outputs.first, outputs.count, room.supers);
    if (two.zero_points == nullptr) return;
    super_floats_of(few.weight, two.zero_points, super, outputs.first, outputs.count,
                    room.supers + room.pitch);
}

void restore_group_of_two_levels(const Few& few, std::size_t group, const Outputs& outputs,
                                 const Room& room, float* scales, float* offsets) {
    const TwoLevels& two = *few.weight.state.two;
    kernels::SmallStates small{};
    small.scales = small_scales_of(few.weight, group, outputs.first);
    small.super_scales = room.supers;
    small.middle = static_cast<float>(two.shape.code_offset);
    if (two.zero_points != nullptr) {
        small.zero_points = small_zero_points_of(few.weight, group, outputs.first);
        small.super_zero_points = room.supers + room.pitch;
    }
    few.loops.restore_small_states(small, outputs.count, scales, offsets);
}

void restore_group(const Few& few, std::size_t group, const Outputs& outputs, float* scales,
                   float* offsets) {
    if (few.weight.state.grid.across == 1) {
        states_of(few.weight, group, 0, 1, scales, offsets);
        std::fill_n(scales + 1, outputs.count - 1, scales[0]);
        std::fill_n(offsets + 1, outputs.count - 1, offsets[0]);
        return;
    }
    for (std::size_t first = 0; first < outputs.count; first += kMostAtOnce) {
        const std::size_t count = std::min(kMostAtOnce, outputs.count - first);
        states_of(few.weight, group, outputs.first + first, count, scales + first, offsets + first);
    }
}

/// The states of the groups `begin` .. `end`.
void restore_groups(const Few& few, std::size_t begin, std::size_t end, const Outputs& outputs,
                    const Room& room) {
    for (std::size_t g = begin; g < end; ++g) {
        float* const scales = room.scales + (g - begin) * room.pitch;
        float* const offsets = room.offsets + (g - begin) * room.pitch;
        if (!few.weight.state.two) {
            restore_group(few, g, outputs, scales, offsets);
            continue;
        }
        const std::size_t each = few.weight.state.two->groups_down;
        if (g % each == 0) restore_superblock(few, g / each, outputs, room);
        restore_group_of_two_levels(few, g, outputs, room, scales, offsets);
    }
}

/// Some rows of outputs, in memory.
kernels::Area area_of(const WeightMatrix& weight, std::size_t first, std::size_t rows,
                      const Outputs& outputs) {
    const kernels::Codes codes = codes_of(weight, first, outputs.first);
    return {codes.bytes, (outputs.count * codes.bits + 7) / 8, weight.row_bytes, rows};
}

/// What the member that has this task reads when it has done it: members take the tasks from the
/// last to the first.
kernels::Area after(const Few& few, const ColumnTasks& tasks, std::size_t task) {
    if (task >= tasks.members)
        return area_of(few.weight, 0, std::min(rows_of_block(few.weight), few.x.columns),
                       tasks.outputs(task - tasks.members));
    if (few.next == nullptr || !few.next->is_codes) return {};
    const ColumnTasks next(*few.next, tasks.members);
    if (next.count + task < tasks.members) return {};
    const Outputs outputs = next.outputs(next.count + task - tasks.members);
    return area_of(*few.next, 0, std::min<std::size_t>(rows_of_block(*few.next), few.next->rows),
                   outputs);
}

}  // namespace

ColumnTasks::ColumnTasks(const WeightMatrix& weight, std::size_t member_count)
    : all(weight.columns), members(member_count) {
    constexpr std::size_t kUnit = 32;
    const std::size_t least = (all + kMostOutputs - 1) / kMostOutputs;
    const std::size_t wanted =
        (least + members - 1) / members * members;  // nobody waits for the last one
    together = (all + wanted * kUnit - 1) / (wanted * kUnit) * kUnit;
    count = (all + together - 1) / together;
}

std::size_t floats_of_columns(const Few& few, const ColumnTasks& tasks) {
    return pitch_of(tasks.together) *
           (few.x.rows + 2 + 2 * groups_of(few, rows_of_block(few.weight)));
}

void multiply_columns(const Few& few, const ColumnTasks& tasks, std::size_t task,
                      float* room_of_task) {
    const Outputs outputs = tasks.outputs(task);
    const std::size_t rows = rows_of_block(few.weight);
    Room room{pitch_of(outputs.count), room_of_task, nullptr, nullptr, nullptr};
    room.supers = room.sums + few.x.rows * room.pitch;
    room.scales = room.supers + 2 * room.pitch;
    room.offsets = room.scales + groups_of(few, rows) * room.pitch;
    std::fill_n(room.sums, few.x.rows * room.pitch, 0.0F);
    const std::size_t inputs = few.x.columns;
    for (std::size_t first = 0; first < inputs; first += rows) {
        kernels::RowsOfCodes block{codes_of(few.weight, first, outputs.first), few.weight.row_bytes,
                                   std::min(rows, inputs - first), outputs.count};
        if (!few.is_plain()) {
            const std::size_t group = first / few.group;
            restore_groups(few, group, group + groups_of(few, block.count), outputs, room);
            block.scales = room.scales;
            block.offsets = room.offsets;
            block.group = few.group;
            block.states_pitch = room.pitch;
        }
        const std::size_t next = first + block.count;
        const kernels::Area area =
            next < inputs ? area_of(few.weight, next, std::min(rows, inputs - next), outputs)
                          : after(few, tasks, task);
        few.loops.add_rows_of_tokens(
            block, {few.x.rows, few.x.row(0) + first, inputs, room.sums, room.pitch}, area);
    }
    finish_sums(few, outputs, room.sums, room.pitch);
}

}  // namespace octet::model
