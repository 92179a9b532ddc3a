// Owns how the calls on flows are made with oapi-sdk-java.

import com.lark.oapi.service.apaas.v1.model.*;
import java.util.Map;

final class FlowCalls {
  private FlowCalls() {}

  /** Adds each call by the name that the story has for it. */
  static void add(Map<String, Calls.Call> calls) {
    calls.put("application_flow.execute", (by, asked, options) -> by.apaas().v1().applicationFlow()
        .execute(ExecuteApplicationFlowReq.newBuilder()
            .namespace(Calls.path(asked, "namespace")).flowId(Calls.path(asked, "flow_id"))
            .executeApplicationFlowReqBody(Calls.said(asked, ExecuteApplicationFlowReqBody.class)).build(), options));
    calls.put("approval_task.agree", (by, asked, options) -> by.apaas().v1().approvalTask()
        .agree(AgreeApprovalTaskReq.newBuilder().approvalTaskId(Calls.path(asked, "approval_task_id"))
            .agreeApprovalTaskReqBody(Calls.said(asked, AgreeApprovalTaskReqBody.class)).build(), options));
    calls.put("approval_task.reject", (by, asked, options) -> by.apaas().v1().approvalTask()
        .reject(RejectApprovalTaskReq.newBuilder().approvalTaskId(Calls.path(asked, "approval_task_id"))
            .rejectApprovalTaskReqBody(Calls.said(asked, RejectApprovalTaskReqBody.class)).build(), options));
    calls.put("approval_task.transfer", (by, asked, options) -> by.apaas().v1().approvalTask()
        .transfer(TransferApprovalTaskReq.newBuilder().approvalTaskId(Calls.path(asked, "approval_task_id"))
            .transferApprovalTaskReqBody(Calls.said(asked, TransferApprovalTaskReqBody.class)).build(), options));
    calls.put("approval_task.add_assignee", (by, asked, options) -> by.apaas().v1().approvalTask()
        .addAssignee(AddAssigneeApprovalTaskReq.newBuilder().approvalTaskId(Calls.path(asked, "approval_task_id"))
            .addAssigneeApprovalTaskReqBody(Calls.said(asked, AddAssigneeApprovalTaskReqBody.class)).build(), options));
    calls.put("approval_instance.cancel", (by, asked, options) -> by.apaas().v1().approvalInstance()
        .cancel(CancelApprovalInstanceReq.newBuilder().approvalInstanceId(Calls.path(asked, "approval_instance_id"))
            .cancelApprovalInstanceReqBody(Calls.said(asked, CancelApprovalInstanceReqBody.class)).build(), options));
    calls.put("user_task.cc", (by, asked, options) -> by.apaas().v1().userTask()
        .cc(CcUserTaskReq.newBuilder().taskId(Calls.path(asked, "task_id"))
            .ccUserTaskReqBody(Calls.said(asked, CcUserTaskReqBody.class)).build(), options));
    calls.put("user_task.expediting", (by, asked, options) -> by.apaas().v1().userTask()
        .expediting(ExpeditingUserTaskReq.newBuilder().taskId(Calls.path(asked, "task_id"))
            .expeditingUserTaskReqBody(Calls.said(asked, ExpeditingUserTaskReqBody.class)).build(), options));
    calls.put("user_task.rollback", (by, asked, options) -> by.apaas().v1().userTask()
        .rollback(RollbackUserTaskReq.newBuilder().taskId(Calls.path(asked, "task_id"))
            .rollbackUserTaskReqBody(Calls.said(asked, RollbackUserTaskReqBody.class)).build(), options));
    calls.put("user_task.rollback_points", (by, asked, options) -> by.apaas().v1().userTask()
        .rollbackPoints(RollbackPointsUserTaskReq.newBuilder().taskId(Calls.path(asked, "task_id"))
            .rollbackPointsUserTaskReqBody(Calls.said(asked, RollbackPointsUserTaskReqBody.class)).build(), options));
    calls.put("user_task.chat_group", (by, asked, options) -> by.apaas().v1().userTask()
        .chatGroup(ChatGroupUserTaskReq.newBuilder().taskId(Calls.path(asked, "task_id"))
            .chatGroupUserTaskReqBody(Calls.said(asked, ChatGroupUserTaskReqBody.class)).build(), options));
  }
}
