// Owns how the calls on flows are made with oapi-sdk-go.
package main

import (
	lark "github.com/larksuite/oapi-sdk-go/v3"
	apaas "github.com/larksuite/oapi-sdk-go/v3/service/apaas/v1"
)

func init() {
	calls["application_flow.execute"] = func(by *lark.Client, asked call, options ...option) object {
		request := apaas.NewExecuteApplicationFlowReqBuilder().Namespace(asked.Path["namespace"]).FlowId(asked.Path["flow_id"])
		request.Body(said[apaas.ExecuteApplicationFlowReqBody](asked))
		resp, err := by.Apaas.V1.ApplicationFlow.Execute(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, resp.Data)
	}
	calls["approval_task.agree"] = func(by *lark.Client, asked call, options ...option) object {
		request := apaas.NewAgreeApprovalTaskReqBuilder().ApprovalTaskId(asked.Path["approval_task_id"]).Body(said[apaas.AgreeApprovalTaskReqBody](asked))
		resp, err := by.Apaas.V1.ApprovalTask.Agree(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, nil)
	}
	calls["approval_task.reject"] = func(by *lark.Client, asked call, options ...option) object {
		request := apaas.NewRejectApprovalTaskReqBuilder().ApprovalTaskId(asked.Path["approval_task_id"]).Body(said[apaas.RejectApprovalTaskReqBody](asked))
		resp, err := by.Apaas.V1.ApprovalTask.Reject(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, nil)
	}
	calls["approval_task.transfer"] = func(by *lark.Client, asked call, options ...option) object {
		request := apaas.NewTransferApprovalTaskReqBuilder().ApprovalTaskId(asked.Path["approval_task_id"]).Body(said[apaas.TransferApprovalTaskReqBody](asked))
		resp, err := by.Apaas.V1.ApprovalTask.Transfer(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, nil)
	}
	calls["approval_task.add_assignee"] = func(by *lark.Client, asked call, options ...option) object {
		request := apaas.NewAddAssigneeApprovalTaskReqBuilder().ApprovalTaskId(asked.Path["approval_task_id"]).Body(said[apaas.AddAssigneeApprovalTaskReqBody](asked))
		resp, err := by.Apaas.V1.ApprovalTask.AddAssignee(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, nil)
	}
	calls["approval_instance.cancel"] = func(by *lark.Client, asked call, options ...option) object {
		request := apaas.NewCancelApprovalInstanceReqBuilder().ApprovalInstanceId(asked.Path["approval_instance_id"]).Body(said[apaas.CancelApprovalInstanceReqBody](asked))
		resp, err := by.Apaas.V1.ApprovalInstance.Cancel(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, nil)
	}
	calls["user_task.cc"] = func(by *lark.Client, asked call, options ...option) object {
		request := apaas.NewCcUserTaskReqBuilder().TaskId(asked.Path["task_id"]).Body(said[apaas.CcUserTaskReqBody](asked))
		resp, err := by.Apaas.V1.UserTask.Cc(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, nil)
	}
	calls["user_task.expediting"] = func(by *lark.Client, asked call, options ...option) object {
		request := apaas.NewExpeditingUserTaskReqBuilder().TaskId(asked.Path["task_id"]).Body(said[apaas.ExpeditingUserTaskReqBody](asked))
		resp, err := by.Apaas.V1.UserTask.Expediting(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, nil)
	}
	calls["user_task.rollback"] = func(by *lark.Client, asked call, options ...option) object {
		request := apaas.NewRollbackUserTaskReqBuilder().TaskId(asked.Path["task_id"]).Body(said[apaas.RollbackUserTaskReqBody](asked))
		resp, err := by.Apaas.V1.UserTask.Rollback(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, nil)
	}
	calls["user_task.rollback_points"] = func(by *lark.Client, asked call, options ...option) object {
		request := apaas.NewRollbackPointsUserTaskReqBuilder().TaskId(asked.Path["task_id"]).Body(said[apaas.RollbackPointsUserTaskReqBody](asked))
		resp, err := by.Apaas.V1.UserTask.RollbackPoints(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, resp.Data)
	}
	calls["user_task.chat_group"] = func(by *lark.Client, asked call, options ...option) object {
		request := apaas.NewChatGroupUserTaskReqBuilder().TaskId(asked.Path["task_id"]).Body(said[apaas.ChatGroupUserTaskReqBody](asked))
		resp, err := by.Apaas.V1.UserTask.ChatGroup(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, resp.Data)
	}
}
